import { LOCK_DEFAULTS } from '../../../src/index.js';
import { VirtualWorld } from '../../../test/support/virtual-world.js';

export interface NodeAnswer {
  readonly node: string;
  /** `granted`, or the reason why it did not count. */
  readonly vote: string;
  readonly afterMs: number;
}

export interface QuorumRun {
  /** The answers, in the order of arrival. */
  readonly answers: readonly NodeAnswer[];
  readonly decidedAfterMs: number;
  readonly token: number;
  /** The token of the previous holder. */
  readonly earlierToken: number;
  readonly nodeTimeoutMs: number;
}

const RESOURCE = 'invoice:7';
const EARLIER_HOLDERS = 41;

/** Acquires a lock over five nodes in virtual time, of which one is dead and one is slow. */
export async function runQuorum(): Promise<QuorumRun> {
  const world = new VirtualWorld(5);
  const { clock, nodes } = world;
  // A node's counter starts at the wall clock's time. A clock at zero gives short numbers.
  clock.stepWall(-clock.stamp().wallMs);
  nodes.forEach((node, index) => {
    node.behaviour = { requestMs: 0.6 + index * 0.2, replyMs: 0.6 + index * 0.2 };
  });
  const locks = world.manager();
  let earlierToken = 0;
  for (let holder = 1; holder <= EARLIER_HOLDERS; holder++) {
    const lease = await clock.until(locks.acquire(RESOURCE));
    earlierToken = lease.token;
    await clock.until(lease.release());
    await clock.advance(100);
  }
  nodes[3]!.behaviour = { requestMs: 300, replyMs: 300 };
  nodes[4]!.down();
  const before = world.events.length;
  const { token } = await clock.until(locks.acquire(RESOURCE));
  await clock.advance(LOCK_DEFAULTS.nodeTimeoutMs * 2);
  const events = world.events.slice(before);
  const acquired = events.find((event) => event.type === 'acquired');
  if (acquired === undefined) throw new Error('the run acquired nothing');
  const answers = events.flatMap((event) =>
    event.type === 'vote' && event.op === 'acquire'
      ? [{ node: event.node, vote: event.vote, afterMs: event.durationMs }]
      : [],
  );
  const { nodeTimeoutMs } = LOCK_DEFAULTS;
  return { answers, decidedAfterMs: acquired.durationMs, token, earlierToken, nodeTimeoutMs };
}
