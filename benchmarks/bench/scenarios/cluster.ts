/** Three voters, one of them a Redis Cluster, against three single servers. */
import { RedisCluster } from '../../../test/support/redis-cluster.js';
import { inFlightCell } from '../cells.js';
import type { BenchChild } from '../child.js';
import { BENCH_NAME } from '../names.js';
import { closed, GRACE_MS, pick, type Scenario } from '../scenario.js';
import { callsOf, clientCommands } from '../stage.js';
import { QUORLOCK, type Subject } from '../subjects.js';

const MASTERS = 3;
const VOTERS = 3;

const SINGLE: Subject = { ...QUORLOCK, name: 'three single servers' };
const WITH_CLUSTER: Subject = { ...QUORLOCK, name: `two, and a Cluster of ${MASTERS} masters` };
/** What it would cost if a Cluster could be asked for several slots at once. */
const IN_ONE_SLOT: Subject = {
  ...WITH_CLUSTER,
  name: 'the same, with all locks in one slot',
  settings: { keyPrefix: `{${BENCH_NAME}}:` },
};

/** Cycles in which commands are counted. */
const COUNTED = 2_000;

export const cluster: Scenario = {
  name: 'cluster',
  needsOwnServers: true,
  rounds: { quick: 1, full: 3 },
  subjects: () => [SINGLE, WITH_CLUSTER, IN_ONE_SLOT],
  async play({ stage, subject, isQuick, record }) {
    const isSingle = subject.name === SINGLE.name;
    await using own = isSingle ? undefined : await RedisCluster.start({ masters: MASTERS });
    const addresses = stage.addresses.slice(0, isSingle ? VOTERS : VOTERS - 1);
    const nodes = own === undefined ? addresses : [...addresses, own.options];
    const child = await stage.child({ ...subject, settings: { ...subject.settings, nodes } }, addresses);
    const commandsOf = async (act: () => Promise<unknown>): Promise<number> => {
      const masters = own?.masters.map((master) => () => master.client()) ?? [];
      const clients = [...stage.clients.slice(0, addresses.length), ...masters];
      const before = await callsOf(clients);
      await act();
      return clientCommands(before, await callsOf(clients));
    };
    for (const inFlight of [1, 16, 128]) {
      await record(inFlightCell(inFlight), async () => {
        const figures = await closed(child, inFlight, isQuick, pick(isQuick, 300, 500));
        const commands = await commandsOf(() => count(child, inFlight));
        return { ...figures, commands: commands / COUNTED };
      });
    }
    await child.kill();
  },
};

const count = (child: BenchChild, inFlight: number): Promise<unknown> =>
  child.ask({ kind: 'closed', inFlight, warmMs: 0, ms: 0, cycles: COUNTED }, 3 * GRACE_MS);
