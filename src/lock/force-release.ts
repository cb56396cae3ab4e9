import type { Clock } from '../clock.js';
import { LockNotAcquiredError } from '../api/errors.js';
import type { LockEvents } from '../api/lock-events.js';
import type { ForceReleaseOptions } from '../api/force-release.js';
import type { Lease } from '../api/lease.js';
import type { NodeInspection, VoteReceiver } from '../node/lock-node.js';
import { holderOf } from './quorum/holder-id.js';
import { inspectNodes, ownerOfMajority } from './quorum/inspect-resource.js';
import type { Quorum } from './quorum/quorum.js';
import { checkKnownOptions, checkName, shown } from './validation/checks.js';

/** What it needs of its manager. */
export interface ForceReleaseContext {
  /** The nodes; then the fallback, where it is held while they are away, or is on record. */
  readonly sides: readonly Quorum[];
  readonly clock: Clock;
  readonly events: LockEvents;
  /** The manager's `holder`. */
  readonly worker: string;
  readonly fencing: boolean;
  readonly nodeTimeoutMs: number;
  /** One attempt to acquire the resource, under this name. */
  readonly acquire: (resource: string, name: string) => Promise<Lease>;
}

/** The options with their defaults. */
export type ForceReleaseTerms = ForceReleaseOptions & { readonly name: string };

const LONGEST_REASON = 200;
const KNOWN_OPTIONS: ReadonlySet<string> = new Set<keyof ForceReleaseOptions>(['reason', 'name']);
const DEFAULT_NAME = 'force-release';
/** An extension of the holder may set keys again between two steps. It is not likely to, time and again. */
const LOOKS = 10;

/** Throws a TypeError or RangeError for options that an audit could not do with. */
export function readForceReleaseOptions(options: ForceReleaseOptions): ForceReleaseTerms {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`forceRelease takes an object of options with a reason, got ${shown(options)}`);
  checkKnownOptions(options, KNOWN_OPTIONS, 'forceRelease');
  const { reason, name = DEFAULT_NAME } = options;
  if (typeof reason !== 'string') throw new TypeError(`reason must be a string, got ${shown(reason)}`);
  if (reason.length < 1 || reason.length > LONGEST_REASON || /\p{Cc}/u.test(reason)) {
    throw new RangeError(
      `reason must have 1 to ${LONGEST_REASON} characters and no control characters, got ${shown(reason)}`,
    );
  }
  return { reason, name: checkName(name) };
}

/**
 * Takes a resource from its holder. Its keys are deleted, in the fallback too. Then the resource is acquired
 * and released once: that raises the counters of a majority above the holder's token, so that its next
 * extension cannot set the keys again, and tells it the loss. Resolves to the name of the holder that lost
 * it, or to `undefined` if nobody held it.
 */
export async function forceRelease(
  context: ForceReleaseContext,
  resource: string,
  { reason, name }: ForceReleaseTerms,
): Promise<string | undefined> {
  const { events, worker, fencing, clock } = context;
  if (!fencing)
    throw new TypeError('forceRelease needs the option fencing: without it a holder sets lost keys again');
  const taken = await takenFrom(context, resource);
  const [owner] = taken.keys();
  if (owner === undefined) return undefined;
  const holder = holderOf(owner);
  for (let look = 0; look < LOOKS; look++) {
    // One after the other on each connection: the holder's extension has hardly a chance in between.
    for (const [one, side] of taken) deleteKeys(side, resource, one);
    if ((await acquireOnce(context, resource, name)) || (await isHeldAnew(context, resource, taken))) {
      events.emit({ type: 'force_released', name, resources: [resource], holder, reason, worker });
      return holder;
    }
    await new Promise<void>((resolve) => void clock.setTimer(resolve, 2 ** look));
  }
  throw new LockNotAcquiredError([resource], 'contended', holder, 0);
}

/** The owners that each side names, as often as its nodes do. A side that cannot be reached is left out. */
async function ownersOf(
  { sides, clock, nodeTimeoutMs }: ForceReleaseContext,
  resource: string,
): Promise<readonly (readonly [Quorum, readonly string[]])[]> {
  const asked = await Promise.allSettled(
    sides.map((side) => inspectNodes(side, clock, resource, nodeTimeoutMs)),
  );
  const [ofNodes] = asked;
  if (ofNodes?.status === 'rejected' && asked.every(({ status }) => status === 'rejected'))
    throw ofNodes.reason;
  return asked.flatMap((answers, at) => {
    if (answers.status === 'rejected') return [];
    const known = answers.value.filter((answer): answer is NodeInspection => answer.kind === 'inspected');
    return [[sides[at]!, known.flatMap(({ owner }) => (owner === undefined ? [] : [owner]))]];
  });
}

/**
 * The holder on each side, by its holder id; or, without one, whoever has left a key there that keeps others
 * out while nodes are away. Rejects if no side answers.
 */
async function takenFrom(
  context: ForceReleaseContext,
  resource: string,
): Promise<ReadonlyMap<string, Quorum>> {
  const taken = new Map<string, Quorum>();
  for (const [side, owners] of await ownersOf(context, resource)) {
    const holder = ownerOfMajority(owners, side.majority);
    for (const owner of holder === undefined ? owners : [holder]) taken.set(owner, side);
  }
  return taken;
}

/** Whether somebody else holds it by now, whose counter is above the old one. */
async function isHeldAnew(
  context: ForceReleaseContext,
  resource: string,
  taken: ReadonlyMap<string, Quorum>,
): Promise<boolean> {
  const now = (await ownersOf(context, resource)).map(([{ majority }, owners]) =>
    ownerOfMajority(owners, majority),
  );
  return now.some((owner) => owner !== undefined) && now.every((owner) => !taken.has(owner ?? ''));
}

/** What the nodes answer makes no difference: the acquisition that follows shows whether it worked. */
const NOBODY: VoteReceiver = { receive: () => undefined };

function deleteKeys({ nodes }: Quorum, resource: string, holderId: string): void {
  const request = { op: 'release', resources: [resource], holderId, keepMs: 0 } as const;
  nodes.forEach((node, nodeIndex) => node.ask(request, NOBODY, nodeIndex));
}

/** Whether it was acquired, and is released again. */
async function acquireOnce(
  { acquire }: ForceReleaseContext,
  resource: string,
  name: string,
): Promise<boolean> {
  try {
    const lease = await acquire(resource, name);
    await lease.release();
    return true;
  } catch (error) {
    if (error instanceof LockNotAcquiredError) return false;
    throw error;
  }
}
