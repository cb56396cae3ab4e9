import type { CheckTerms, Finding } from './checker.js';
import { beliefEndOf, faultsOf, groupBy, ranMs, type LeaseStory, type StallsOf } from './intervals.js';
import type { RunRecord } from './records.js';

/** A key whose owner's every call that can have set it ended long ago, while nothing was wrong with node, way and owner. */
export function leaksOf(
  records: readonly RunRecord[],
  stories: readonly LeaseStory[],
  stallsOf: StallsOf,
  { leakGraceMs, recoveryMs }: CheckTerms,
): Finding[] {
  const faults = faultsOf(records);
  const byOwner = groupBy(stories, (story) => `${story.worker} ${story.resource}`);
  const found = new Map<string, Finding>();
  for (const record of records) {
    if (record.type !== 'key') continue;
    const { node, worker, resource, firstAt, at, value } = record;
    const own = (byOwner.get(`${worker} ${resource}`) ?? []).filter((story) => story.askedAt <= firstAt);
    if (own.length === 0 || own.some((story) => (story.killedAt ?? Infinity) < at)) continue;
    const ends = own.map((story) =>
      story.acquiredAt === undefined ? (story.answeredAt ?? Infinity) : beliefEndOf(story),
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
      const what = `node ${node + 1} keeps ${resource} for ${worker}, who has no use for it`;
      found.set(`${node} ${value}`, { what, at, ms: sinceMs });
    }
  }
  return [...found.values()];
}
