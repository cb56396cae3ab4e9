import { LOCK_DEFAULTS } from '../../../src/index.js';
import { lossMarginMs } from '../../../src/core/extension-schedule.js';
import { driftMsOf } from '../../../src/core/validity.js';
import { VirtualWorld } from '../../../test/support/virtual-world.js';

/** The acquisition or one extension. Instants are in milliseconds since the acquisition began. */
export interface Asking {
  readonly sentAt: number;
  readonly doneAt: number;
  readonly won: boolean;
}

/** The life of one lease, from the events of the lock manager. */
export interface LeaseRun {
  /** The instant of the acquisition on the monotonic clock. */
  readonly zeroMs: number;
  readonly ttlMs: number;
  readonly driftMs: number;
  readonly marginMs: number;
  /** The acquisition, then the extensions. */
  readonly askings: readonly Asking[];
  readonly lostAt: number;
  readonly keysExpireAt: number;
}

const RESOURCE = 'invoice:7';
/** Short, so that margin and drift are wide enough to be seen. */
const TTL_MS = 2_000;

/**
 * Runs the lock manager over three nodes in virtual time. Two nodes are down when the second extension is
 * due. Later all three hang for good.
 */
export async function runLease(): Promise<LeaseRun> {
  const world = new VirtualWorld(3);
  const { clock, nodes } = world;
  // Due times are rounded to a grid. From here the first one is just at a third of the TTL.
  await clock.advance(21);
  const locks = world.manager();
  const zeroMs = clock.now();
  const askings: Asking[] = [];
  let sentAt = 0;
  let lostAt: number | undefined;
  locks.subscribe((event) => {
    const now = clock.now() - zeroMs;
    if (event.type === 'vote' && event.op !== 'release') sentAt = now - event.durationMs;
    if (event.type === 'acquired') askings.push({ sentAt, doneAt: now, won: true });
    if (event.type === 'extended') askings.push({ sentAt, doneAt: now, won: event.outcome === 'extended' });
    if (event.type === 'lost') lostAt = now;
  });
  await clock.until(locks.acquire(RESOURCE, { ttlMs: TTL_MS }));
  await clock.advance(TTL_MS * 0.6);
  nodes.slice(0, 2).forEach((node) => node.down());
  await clock.advance(TTL_MS * 0.1);
  nodes.slice(0, 2).forEach((node) => node.up());
  await clock.advance(TTL_MS * 0.3);
  nodes.forEach((node) => node.stop());
  while (lostAt === undefined) await clock.advance(1);
  const keysLeftMs = await Promise.all(nodes.map((node) => node.remainingMs(RESOURCE)));
  const driftMs = driftMsOf(TTL_MS, LOCK_DEFAULTS.driftFactor);
  return {
    zeroMs,
    ttlMs: TTL_MS,
    driftMs,
    marginMs: lossMarginMs(TTL_MS),
    askings,
    lostAt,
    keysExpireAt: clock.now() - zeroMs + Math.min(...keysLeftMs),
  };
}

/** A grant of a majority, and its caption. */
export interface Grant {
  readonly sentAt: number;
  readonly says: string;
  /** When the next grant replaced it. */
  readonly replacedAt: number | undefined;
}

export function grantsOf({ askings, ttlMs, driftMs }: LeaseRun): readonly Grant[] {
  const won = askings.filter((asking) => asking.won);
  const says = [
    `acquired: valid for ${ttlMs} − ${driftMs} = ${ttlMs - driftMs} ms from sending on`,
    'extended: valid anew from its own sending on',
    'extended by the retry',
  ];
  return won.map(({ sentAt }, index) => ({
    sentAt,
    says: says[index] ?? '',
    replacedAt: won[index + 1]?.doneAt,
  }));
}
