import type { CheckTerms, Finding } from './checker.js';
import { beliefEndOf, faultsOf, groupBy, ranMs, type LeaseHistory, type StallsOf } from './intervals.js';
import type { RunRecord } from './records.js';

/**
 * Finds keys whose owner has no call left that can have set them, and had none for longer than `leakGraceMs`,
 * while the node, the link and the owner were healthy.
 */
export function leaksOf(
  records: readonly RunRecord[],
  histories: readonly LeaseHistory[],
  stallsOf: StallsOf,
  { leakGraceMs, recoveryMs }: CheckTerms,
): Finding[] {
  const faults = faultsOf(records);
  const byOwner = groupBy(histories, (history) => `${history.worker} ${history.resource}`);
  const found = new Map<string, Finding>();
  for (const record of records) {
    if (record.type !== 'key') continue;
    const { node, worker, resource, firstAt, at, value } = record;
    const own = (byOwner.get(`${worker} ${resource}`) ?? []).filter(
      (history) => history.requestedAt <= firstAt,
    );
    if (own.length === 0 || own.some((history) => (history.killedAt ?? Infinity) < at)) continue;
    const ends = own.map((history) =>
      history.acquiredAt === undefined ? (history.answeredAt ?? Infinity) : beliefEndOf(history),
    );
    const endedAt = Math.max(...ends);
    const sinceMs = ranMs(stallsOf, worker, { from: Math.min(endedAt, at), to: at });
    const disturbed = faults.some(
      (fault) =>
        (fault.node === undefined || fault.node === node) &&
        (fault.worker === undefined || fault.worker === worker) &&
        fault.at < at &&
        fault.until + recoveryMs > endedAt,
    );
    if (sinceMs > leakGraceMs && !disturbed) {
      const what = `node ${node + 1} still has ${resource} of ${worker}, which no longer uses it`;
      found.set(`${node} ${value}`, { what, at, ms: sinceMs });
    }
  }
  return [...found.values()];
}
