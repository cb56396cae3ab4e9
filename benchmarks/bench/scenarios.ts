/** The scenarios: what is played, on which subjects, for how long. ../README.md explains them. */
import { freemem } from 'node:os';
import {
  MILLION_CELL,
  MOST_LEASES,
  MOST_LEASES_TTL_MS,
  downCell,
  heldCell,
  keysCell,
  openCell,
  uncontendedCell,
} from './cells.js';
import { closed, GRACE_MS, pick, type Play, type Scenario } from './scenario.js';
import { cluster } from './scenarios/cluster.js';
import { contended } from './scenarios/contended.js';
import { distance } from './scenarios/distance.js';
import { postgres } from './scenarios/postgres.js';
import { waiting } from './scenarios/waiting.js';
import { clientCommands } from './stage.js';
import { ALL, FEATURES, PEERS, QUORLOCK, WITH_TICKS } from './subjects.js';

const uncontended: Scenario = {
  name: 'uncontended',
  rounds: { quick: 2, full: 3 },
  subjects: () => ALL,
  async play({ stage, subject, isQuick, record }) {
    const { size } = stage;
    for (const nodes of pick(isQuick || size < 5, [size], [5, 3, 1])) {
      // Empties the nodes, because they remember a different number of nodes.
      await stage.reset();
      const child = await stage.child(subject, nodes);
      for (const inFlight of [1, 16, 128]) {
        await record(uncontendedCell(nodes, inFlight), () => closed(child, inFlight, isQuick));
      }
      await child.kill();
    }
  },
};

const features: Scenario = {
  name: 'features',
  rounds: { quick: 2, full: 5 },
  subjects: () => FEATURES,
  async play({ stage, subject, isQuick, record }) {
    const child = await stage.child(subject, stage.size);
    await record(uncontendedCell(stage.size, 128), () => closed(child, 128, isQuick));
  },
};

const openLoad: Scenario = {
  name: 'open',
  rounds: { quick: 1, full: 1 },
  subjects: () => ALL,
  async play({ stage, subject, isQuick, record }) {
    const child = await stage.child(subject, stage.size);
    for (const rate of [500, 2_000, 4_000]) {
      const task = { kind: 'open', rate, warmMs: 200, ms: pick(isQuick, 300, 1_000) } as const;
      await record(openCell(rate), async () => (await child.ask(task, GRACE_MS)).figures ?? {});
    }
  },
};

const held: Scenario = {
  name: 'held',
  rounds: { quick: 1, full: 1 },
  isTogether: true,
  subjects: () => [QUORLOCK, ...PEERS],
  async play(play) {
    for (const count of pick(play.isQuick, [10_000], [1_000, 10_000])) {
      await keepMany(play, count, pick(play.isQuick, 10_000, 30_000));
    }
  },
};

const heldMany: Scenario = {
  name: 'held-many',
  rounds: { quick: 0, full: 1 },
  subjects: () => [QUORLOCK, ...PEERS],
  async play(play) {
    await keepMany(play, 100_000, 20_000);
    // The peers do not get this far: see their notes on a tenth of it. It is too much for the user's servers.
    if (play.subject.kind === 'quorlock' && play.stage.isOwn) await keepMillion(play);
  },
};

/** 2 KB a lease in the client, and 0.4 KB on each of five nodes, twice over. */
const MILLION_NEEDS_BYTES = 8 * 2 ** 30;

async function keepMillion(play: Play): Promise<void> {
  if (freemem() < MILLION_NEEDS_BYTES) {
    await play.record(MILLION_CELL, () => {
      const [needed, free] = [MILLION_NEEDS_BYTES, freemem()].map((bytes) => (bytes / 2 ** 30).toFixed(1));
      throw new Error(`it needs ${needed} GB of free memory, and this machine has ${free}`);
    });
  }
  await keepMany(play, MOST_LEASES, 60_000, MOST_LEASES_TTL_MS);
}

async function keepMany(
  { stage, subject, record }: Play,
  count: number,
  ms: number,
  ttlMs?: number,
): Promise<void> {
  await stage.reset();
  await record(heldCell(count, ttlMs), async () => {
    if (subject.extends !== true) throw new Error('does not extend by itself');
    const child = await stage.child(subject, stage.size);
    // A minute for as many as the peers can be expected to acquire, and as much again for each that many.
    const acquireMs = 60_000 * Math.ceil(count / 100_000);
    const { figures: acquired } = await child.ask({ kind: 'hold', count, ttlMs: ttlMs ?? 10_000 }, acquireMs);
    const before = await stage.calls();
    const { figures: kept } = await child.ask({ kind: 'keep', ms }, ms + 3 * GRACE_MS);
    const commands = clientCommands(before, await stage.calls(), subject.plainCommands);
    return { ...acquired, ...kept, commandsPerSecond: (commands * 1_000) / ms };
  });
}

const down: Scenario = {
  name: 'down',
  needsOwnServers: true,
  rounds: { quick: 1, full: 3 },
  subjects: () => ALL,
  async play({ stage, subject, isQuick, record }) {
    for (const fault of pick(isQuick, ['stopped'], ['stopped', 'killed'])) {
      await stage.reset();
      const child = await stage.child(subject, stage.size);
      const measure = () => closed(child, 16, isQuick);
      await record(downCell(0, fault), measure);
      for (const [at, server] of stage.servers.slice(0, 2).entries()) {
        if (fault === 'stopped') server.pause();
        else await server.kill();
        await record(downCell(at + 1, fault), measure);
      }
    }
  },
};

const memory: Scenario = {
  name: 'memory',
  needsOwnServers: true,
  rounds: { quick: 1, full: 1 },
  isTogether: true,
  subjects: () => [QUORLOCK, WITH_TICKS, ...PEERS],
  async play({ stage, subject, isQuick, record }) {
    const count = pick(isQuick, 4_000, 50_000);
    await record(keysCell(count), async () => {
      const before = await stage.memory();
      const child = await stage.child(subject, stage.size, 0);
      await child.ask({ kind: 'keys', count }, 60_000);
      await child.kill();
      const after = await stage.memory();
      await stage.expireAll();
      const expired = await stage.memory();
      return {
        keysLeft: after.keys / count,
        bytes: (after.bytes - before.bytes) / count,
        bytesExpired: (expired.bytes - before.bytes) / count,
      };
    });
  },
};

export const SCENARIOS: readonly Scenario[] = [
  uncontended,
  openLoad,
  distance,
  contended,
  waiting,
  held,
  heldMany,
  down,
  cluster,
  postgres,
  memory,
  features,
];
