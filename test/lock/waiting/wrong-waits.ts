import type { LockEvent } from '../../../src/index.js';

const OUTCOMES: readonly LockEvent['type'][] = ['acquired', 'skipped', 'failed', 'aborted'];

/** What is wrong with the waits in these events, which must be all of one manager, from its first call to its last. */
export function wrongWaits(events: readonly LockEvent[]): string[] {
  const wrong: string[] = [];
  const going = new Map<number, string>();
  /** How many waits of these resources have ended, and wait for their outcome. */
  const owed = new Map<string, number>();
  for (const event of events) {
    if (!('resources' in event)) continue;
    const of = JSON.stringify([event.name, ...event.resources]);
    if (event.type === 'waiting') {
      if (going.has(event.wait)) wrong.push(`wait ${event.wait} begins twice`);
      going.set(event.wait, of);
    } else if (event.type === 'waited') {
      if (going.get(event.wait) !== of) wrong.push(`wait ${event.wait} of ${of} ends, and had not begun`);
      else if (!(event.durationMs >= 0)) wrong.push(`wait ${event.wait} lasts ${event.durationMs} ms`);
      going.delete(event.wait);
      owed.set(of, (owed.get(of) ?? 0) + 1);
    } else if (OUTCOMES.includes(event.type)) {
      // Of a call that did not wait there is an outcome too.
      owed.set(of, Math.max(0, (owed.get(of) ?? 0) - 1));
    }
  }
  for (const [wait, of] of going) wrong.push(`wait ${wait} of ${of} never ends`);
  for (const [of, count] of owed)
    if (count > 0) wrong.push(`${count} waits of ${of} end after their outcome`);
  return wrong;
}
