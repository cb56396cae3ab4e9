import type { LockEvent } from '../../src/index.js';

const OUTCOMES: readonly LockEvent['type'][] = ['acquired', 'skipped', 'failed', 'aborted'];

/** What was told of one call, and of its lease. */
interface Call {
  readonly about: string;
  isWaiting: boolean;
  hasWaited: boolean;
  outcome: string | undefined;
  isEnded: boolean;
}

/**
 * Says what is wrong with the order of these events, and with their ids. They must be all events of one
 * manager, from its first call to the end of its last one; leases may still be held.
 */
export function wrongCalls(events: readonly LockEvent[]): string[] {
  const wrong: string[] = [];
  const calls = new Map<number, Call>();
  for (const event of events) {
    if (!('id' in event)) continue;
    const { id, type } = event;
    const call = calls.get(id);
    if (type === 'acquiring') {
      if (call !== undefined) wrong.push(`call ${id} begins twice`);
      calls.set(id, {
        about: aboutOf(event),
        isWaiting: false,
        hasWaited: false,
        outcome: undefined,
        isEnded: false,
      });
    } else if (call === undefined) {
      wrong.push(`${type} of call ${id}, which did not begin`);
    } else if (type !== 'vote') {
      if (aboutOf(event) !== call.about)
        wrong.push(`${type} of call ${id} is about ${aboutOf(event)}, not ${call.about}`);
      wrong.push(...wrongOf(event, call).map((what) => `call ${id} ${what}`));
      update(call, event);
    }
  }
  for (const [id, { outcome, isWaiting }] of calls) {
    if (outcome === undefined) wrong.push(`call ${id} has no outcome`);
    if (isWaiting) wrong.push(`the wait of call ${id} never ends`);
  }
  return wrong;
}

const aboutOf = (event: Extract<LockEvent, { resources: readonly string[] }>): string =>
  JSON.stringify([event.name, ...event.resources]);

function wrongOf(event: LockEvent, { isWaiting, hasWaited, outcome, isEnded }: Call): string[] {
  if (event.type === 'waiting') {
    if (outcome !== undefined) return ['waits after its outcome'];
    return isWaiting || hasWaited ? ['waits twice'] : [];
  }
  if (event.type === 'waited') {
    if (!isWaiting) return ['ends a wait that it had not begun'];
    return event.durationMs >= 0 ? [] : [`waited ${event.durationMs} ms`];
  }
  if (OUTCOMES.includes(event.type)) {
    if (outcome !== undefined) return [`has two outcomes: ${outcome} and ${event.type}`];
    return isWaiting ? [`has its outcome, ${event.type}, before the end of its wait`] : [];
  }
  if (outcome !== 'acquired') return [`has a lease that is ${event.type}, and was not acquired`];
  return isEnded ? [`has a lease that is ${event.type} after its end`] : [];
}

function update(call: Call, { type }: LockEvent): void {
  if (type === 'waiting') call.isWaiting = true;
  else if (type === 'waited') {
    call.isWaiting = false;
    call.hasWaited = true;
  } else if (OUTCOMES.includes(type)) call.outcome = type;
  else if (type === 'released' || type === 'lost') call.isEnded = true;
}
