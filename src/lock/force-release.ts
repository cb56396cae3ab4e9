import type { Clock } from '../clock.js';
import { LockNotAcquiredError } from '../api/errors.js';
import type { LockEvents } from '../api/events.js';
import type { ForceReleaseOptions } from '../api/force-release.js';
import type { Lease } from '../api/lease.js';
import type { NodeInspection, VoteReceiver } from '../node/lock-node.js';
import { holderOf } from './quorum/holder-id.js';
import { inspectNodes } from './quorum/inspect-resource.js';
import type { Quorum } from './quorum/quorum.js';
import { checkName, shown } from './validation/checks.js';

/** What it needs of its manager. */
export interface ForceReleaseContext {
  readonly quorum: Quorum;
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
const DEFAULT_NAME = 'force-release';
/** An extension of the holder may set keys again between two steps. It is not likely to, time and again. */
const LOOKS = 10;

/** Throws a TypeError or RangeError for options that an audit could not do with. */
export function readForceReleaseOptions(options: ForceReleaseOptions): ForceReleaseTerms {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`forceRelease takes an object of options with a reason, got ${shown(options)}`);
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
 * Takes a resource from its holder. Its keys are deleted, and then the resource is acquired and released
 * once: that raises the counters of a majority above the holder's token, so that its next extension cannot
 * set the keys again, and tells it the loss. Resolves to the name of the holder that lost it, or to
 * `undefined` if nobody held it.
 */
export async function forceRelease(
  context: ForceReleaseContext,
  resource: string,
  { reason, name }: ForceReleaseTerms,
): Promise<string | undefined> {
  const { events, worker, fencing, clock, quorum } = context;
  if (!fencing)
    throw new TypeError('forceRelease needs the option fencing: without it a holder sets lost keys again');
  const taken = takenFrom(await ownersOf(context, resource), quorum.majority);
  const [owner] = taken;
  if (owner === undefined) return undefined;
  const holder = holderOf(owner);
  for (let look = 0; look < LOOKS; look++) {
    // One after the other on each connection: the holder's extension has hardly a chance in between.
    for (const one of taken) deleteKeys(quorum, resource, one);
    if ((await acquireOnce(context, resource, name)) || (await isHeldAnew(context, resource, taken))) {
      events.emit({ type: 'force_released', name, resources: [resource], holder, reason, worker });
      return holder;
    }
    await new Promise<void>((resolve) => void clock.setTimer(resolve, 2 ** look));
  }
  throw new LockNotAcquiredError([resource], 'contended', holder, 0);
}

/** The owners that the nodes name, as often as they do. Rejects if fewer than a majority answer. */
async function ownersOf(
  { quorum, clock, nodeTimeoutMs }: ForceReleaseContext,
  resource: string,
): Promise<readonly string[]> {
  const answers = await inspectNodes(quorum, clock, resource, nodeTimeoutMs);
  const known = answers.filter((answer): answer is NodeInspection => answer.kind === 'inspected');
  return known.flatMap(({ owner }) => (owner === undefined ? [] : [owner]));
}

const ownerOfMajority = (owners: readonly string[], majority: number): string | undefined =>
  owners.find((owner) => owners.filter((other) => other === owner).length >= majority);

/** The holder; or, without one, whoever has left a key that keeps others out while nodes are away. */
function takenFrom(owners: readonly string[], majority: number): readonly string[] {
  const holder = ownerOfMajority(owners, majority);
  return holder === undefined ? [...new Set(owners)] : [holder];
}

/** Whether somebody else holds it by now, whose counter is above the old one. */
async function isHeldAnew(
  context: ForceReleaseContext,
  resource: string,
  taken: readonly string[],
): Promise<boolean> {
  const owner = ownerOfMajority(await ownersOf(context, resource), context.quorum.majority);
  return owner !== undefined && !taken.includes(owner);
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
