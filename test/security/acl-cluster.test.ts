import { expect, it } from '@jest/globals';
import { allReady, LockManagers } from '../support/lock-managers.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { until } from '../support/until.js';
import { login, userOf, without } from './acl.js';

const user = userOf('acl-cluster');
const options = { restartQuarantine: 3_600_000 } as const;

/** The commands and keys that a server of the Cluster denied. */
async function denied(cluster: RedisCluster): Promise<string[]> {
  const logs = await Promise.all(cluster.masters.map((master) => master.client().call('ACL', 'LOG')));
  return (logs as string[][][]).flat().map((entry) => entry[entry.indexOf('object') + 1]!);
}

it('the ACL user for a Cluster in docs/security.md may do everything that locks need', async () => {
  await using cluster = await RedisCluster.start({ args: ['--user', ...user.words] });
  await using managers = new LockManagers();
  const nodes = [{ ...cluster.options, ...login }];
  const [one, other] = [managers.make({ nodes, ...options }), managers.make({ nodes, ...options })];
  await Promise.all([allReady(one), allReady(other)]);
  for (const resources of ['a', 'b', 'c', '{tag}d', ['{x}1', '{x}2']]) {
    const lease = await one.acquire(resources, { retries: 20, tick: 1_000 });
    await lease.extend();
    const waiting = other.acquire(resources, { waitMs: 300_000 });
    await lease.release();
    await (await waiting).release();
    expect((await one.inspect([resources].flat()[0]!)).lastTick).toBe(1_000);
  }
  await cluster.masters[1]!.restart();
  await until(() => one.nodes()[0]!.status === 'untrusted');
  await one.trustNode(one.nodes()[0]!.name);
  await allReady(one);
  expect(await denied(cluster)).toEqual([]);
});

it.each(['cluster|slots', 'cluster|nodes', 'info'])(
  'a Cluster node whose user lacks %s is misconfigured and gives the reason',
  async (lacking) => {
    await using cluster = await RedisCluster.start({ args: ['--user', ...without(user, lacking)] });
    await using managers = new LockManagers();
    const locks = managers.make({ nodes: [{ ...cluster.options, ...login }], ...options });
    await until(() => locks.nodes()[0]!.status === 'misconfigured');
    expect(locks.nodes()[0]!.reason).toMatch(lacking === 'info' ? /may not call INFO/ : /NOPERM.*'cluster\|/);
  },
);
