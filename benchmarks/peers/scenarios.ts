import { setTimeout as sleep } from 'node:timers/promises';
import type { Figures, Stage } from './stage.js';

/** One fault. The same script makes it for all libraries. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** What happens, for a reader of the table. */
  readonly script: string;
  /** What the figures do not show by themselves. */
  readonly remark?: string;
  /** The figures that matter in this scenario. */
  readonly tells: readonly (keyof Figures)[];
  readonly nodes: number;
  readonly workers: number;
  readonly tickMs?: number;
  readonly needsClockSteps?: boolean;
  readonly play: (stage: Stage) => Promise<void>;
}

/**
 * Short, so that a scenario takes seconds. A TTL of two seconds is enough for the settings of all libraries.
 */
export const TTL_MS = 2_000;
/** Long enough to see keys that were left behind. */
const LONG_TTL_MS = 10_000;
const R = 'resource';

export const SCENARIOS: readonly Scenario[] = [
  {
    id: 'node-down-free',
    title: 'One of three nodes is down, the resource is free',
    script: 'SIGKILL one node; 1.5 s later acquire, hold for 1 s, release; three times.',
    tells: ['falseFailures', 'longestCallMs'],
    nodes: 3,
    workers: 1,
    async play(stage) {
      await stage.nodes[0]!.kill();
      await sleep(1_500);
      await holdThreeTimes(stage);
    },
  },
  {
    id: 'minority-stopped-free',
    title: 'One of three nodes hangs, the resource is free',
    script: 'SIGSTOP one node; acquire, hold for 1 s, release; three times.',
    tells: ['falseFailures', 'longestCallMs'],
    nodes: 3,
    workers: 1,
    async play(stage) {
      stage.pauseNode(0);
      await holdThreeTimes(stage);
    },
  },
  {
    id: 'minority-stopped-held',
    title: 'One of three nodes hangs while the lock is held',
    script: `Acquire (TTL ${TTL_MS} ms); SIGSTOP one node for 8 s while another worker contends; release.`,
    tells: ['overlapMs', 'abortLateMs', 'falseLosses', 'crashes'],
    nodes: 3,
    workers: 2,
    async play(stage) {
      await hold(stage);
      stage.mustKeep('a');
      stage.pauseNode(0);
      stage.contend(1, 'b', R, TTL_MS);
      await sleep(8_000);
      stage.resumeNode(0);
      await sleep(500);
    },
  },
  {
    id: 'majority-stopped-held',
    title: 'Two of three nodes hang while the lock is held',
    script: `Acquire (TTL ${TTL_MS} ms); SIGSTOP two nodes for 6 s; another worker contends; resume them.`,
    tells: ['overlapMs', 'abortLateMs', 'crashes'],
    nodes: 3,
    workers: 2,
    async play(stage) {
      await hold(stage);
      stage.pauseNode(0);
      stage.pauseNode(1);
      stage.contend(1, 'b', R, TTL_MS);
      await sleep(6_000);
      stage.resumeNode(0);
      stage.resumeNode(1);
      await sleep(3_000);
    },
  },
  {
    id: 'data-lost-held',
    title: 'A node restarts without its data while the lock is held',
    script:
      'Acquire while the holder cannot reach one node; then it can reach the node again. SIGKILL another ' +
      'node and start it without its data. Another worker contends for 6 s.',
    remark:
      'A client that queues what it could not send sets the key on the third node late. That protects the ' +
      'holder here, and leaves keys without an owner in other cases.',
    tells: ['overlapMs', 'falseLosses', 'crashes'],
    nodes: 3,
    workers: 2,
    async play(stage) {
      await holdWithoutNodeThree(stage);
      const node = stage.nodes[0]!;
      await node.kill();
      await node.start('lost');
      stage.contend(1, 'b', R, TTL_MS);
      await sleep(6_000);
    },
  },
  {
    id: 'clock-stepped-held',
    title: "A node's clock is stepped forward while the lock is held",
    script:
      'Acquire while the holder cannot reach one node; then it can reach the node again. Step the clock of ' +
      'another node forward by an hour. Another worker contends for 6 s.',
    remark:
      'A client that queues what it could not send sets the key on the third node late. That protects the ' +
      'holder here, and leaves keys without an owner in other cases.',
    tells: ['overlapMs', 'falseLosses', 'crashes'],
    nodes: 3,
    workers: 2,
    needsClockSteps: true,
    async play(stage) {
      await holdWithoutNodeThree(stage);
      await stage.nodes[0]!.stepClock(3_600_000);
      stage.contend(1, 'b', R, TTL_MS);
      await sleep(6_000);
    },
  },
  {
    id: 'replies-lost',
    title: 'The replies of two of three nodes are lost during acquire',
    script:
      `Acquire (TTL ${LONG_TTL_MS} ms) while the replies of two nodes are lost for 1 s; then their ` +
      `connections break. Release if it was acquired. 1.5 s later count the keys that are left on the ` +
      `nodes, and acquire with another worker.`,
    tells: ['leakedKeys', 'falseFailures'],
    nodes: 3,
    workers: 2,
    async play(stage) {
      stage.way(0, [0, 1], { loseReplies: true });
      stage.acquire(0, 'a', R, LONG_TTL_MS);
      await sleep(1_000);
      stage.way(0, [0, 1], {});
      if (await stage.settled('a')) {
        stage.release(0, 'a');
        await stage.released('a');
      }
      await sleep(1_500);
      await stage.countLeaks(R);
      await acquireFree(stage, 1, 'b');
    },
  },
  {
    id: 'worker-paused',
    title: 'The holder is paused for longer than its TTL',
    script:
      `Acquire (TTL ${TTL_MS} ms), write every 20 ms; SIGSTOP the holder for 5 s, while another worker ` +
      `gets the lock and writes; resume the holder.`,
    tells: ['staleWrites', 'overlapMs'],
    nodes: 3,
    workers: 2,
    async play(stage) {
      stage.acquire(0, 'a', R, TTL_MS, 20);
      await stage.settled('a');
      await sleep(200);
      stage.workers[0]!.pause();
      stage.contend(1, 'b', R, TTL_MS, 20);
      await sleep(5_000);
      stage.workers[0]!.resume();
      await sleep(2_000);
    },
  },
  {
    id: 'even-split',
    title: 'Two workers split the votes of four nodes',
    script:
      'Four nodes. One worker is 30 ms nearer to two of them, the other to the other two. Both acquire the ' +
      'free resource at the same time, and release it when they have it; three times.',
    tells: ['falseFailures', 'longestCallMs', 'overlapMs'],
    nodes: 4,
    workers: 2,
    async play(stage) {
      stage.way(0, [2, 3], { latencyMs: 30 });
      stage.way(1, [0, 1], { latencyMs: 30 });
      for (const round of [1, 2, 3]) {
        await stage.race([`a${round}`, `b${round}`], R, TTL_MS);
        await sleep(500);
      }
    },
  },
  {
    id: 'cron-burst',
    title: 'Five workers run the same short cron job',
    script:
      'Five workers, three nodes. For 15 s, every 700 ms all workers try to run a job of 1 to 10 ms, ' +
      'within 3 ms of each other.',
    tells: ['lostTicks', 'duplicateTicks'],
    nodes: 3,
    workers: 5,
    tickMs: 700,
    play: () => sleep(15_000),
  },
  {
    id: 'connections-flap',
    title: 'Connections break for moments while the lock is held',
    script:
      `Acquire (TTL ${TTL_MS} ms); for 12 s the holder's connections to two of three nodes are reset and ` +
      `refused for 200 ms of every 700 ms; another worker contends.`,
    tells: ['falseLosses', 'overlapMs', 'abortLateMs', 'crashes'],
    nodes: 3,
    workers: 2,
    async play(stage) {
      await hold(stage);
      stage.mustKeep('a');
      stage.contend(1, 'b', R, TTL_MS);
      for (let time = 0; time < 12_000; time += 700) {
        stage.way(0, [0, 1], { refuse: true });
        await sleep(200);
        stage.way(0, [0, 1], {});
        await sleep(500);
      }
    },
  },
  {
    id: 'ghost',
    title: 'A caller gives up while the nodes hang, and the nodes come back',
    script:
      `SIGSTOP two of three nodes; acquire (TTL ${LONG_TTL_MS} ms); 3 s later resume them, and release if ` +
      `it was acquired. 1.5 s later count what is left on the nodes, and have another worker acquire.`,
    tells: ['leakedKeys', 'falseFailures'],
    nodes: 3,
    workers: 2,
    async play(stage) {
      stage.pauseNode(0);
      stage.pauseNode(1);
      stage.acquire(0, 'a', R, LONG_TTL_MS);
      await sleep(3_000);
      stage.resumeNode(0);
      stage.resumeNode(1);
      if (await stage.settled('a')) {
        stage.release(0, 'a');
        await stage.released('a');
      }
      await sleep(1_500);
      await stage.countLeaks(R);
      await acquireFree(stage, 1, 'b');
    },
  },
];

async function hold(stage: Stage): Promise<void> {
  stage.acquire(0, 'a', R, TTL_MS);
  stage.mustAcquire('a');
  await stage.settled('a');
  stage.watch('a', R);
  await sleep(200);
}

async function holdWithoutNodeThree(stage: Stage): Promise<void> {
  stage.way(0, [2], { refuse: true });
  await sleep(200);
  await hold(stage);
  stage.mustKeep('a');
  stage.way(0, [2], {});
}

async function holdThreeTimes(stage: Stage): Promise<void> {
  for (const lease of ['a', 'b', 'c']) {
    await acquireFree(stage, 0, lease);
    await sleep(1_000);
    stage.release(0, lease);
    await stage.released(lease);
  }
}

async function acquireFree(stage: Stage, worker: number, lease: string): Promise<void> {
  stage.acquire(worker, lease, R, TTL_MS);
  stage.mustAcquire(lease);
  await stage.settled(lease);
}
