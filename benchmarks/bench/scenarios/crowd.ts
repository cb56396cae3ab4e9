/** Waiters in several processes, and what is counted about them. */
import type { BenchChild } from '../child.js';
import { handOffFigures } from '../handoffs.js';
import { BENCH_NAME } from '../names.js';
import { GRACE_MS, untilNs } from '../scenario.js';
import { clientCommands, type Stage } from '../stage.js';
import type { Subject } from '../subjects.js';
import { nowNs, type Figures } from '../tasks.js';

export interface Crowd {
  /** Of all processes together. */
  readonly waiters: number;
  readonly processes: number;
  /** How many resources they want, each of them one. By default one. */
  readonly resources?: number;
  readonly holdMs: number;
  readonly warmMs: number;
  readonly ms: number;
}

/** Cycles of each process before it waits: fewer than elsewhere, because there are many processes. */
const WARM_CYCLES = 1_000;
/** So many processes start at once: each takes a core for a second. */
const STARTING = 4;

/** Counts the hand-offs in the window, and has a look at the nodes at its end, while all still wait. */
export async function crowd(
  stage: Stage,
  subject: Subject,
  { waiters, processes, resources = 1, holdMs, warmMs, ms }: Crowd,
  look: () => Promise<Figures> = () => Promise.resolve({}),
): Promise<Figures> {
  const children: BenchChild[] = [];
  while (children.length < processes) {
    const count = Math.min(STARTING, processes - children.length);
    children.push(
      ...(await Promise.all(
        Array.from({ length: count }, () => stage.child(subject, stage.size, WARM_CYCLES)),
      )),
    );
  }
  const fromNs = nowNs() + warmMs * 1e6;
  const toNs = fromNs + ms * 1e6;
  const task = {
    kind: 'contend',
    resources: Array.from({ length: resources }, (_, at) => `${BENCH_NAME}:contended:${at}`),
    holdMs,
    untilNs: toNs,
  } as const;
  // A thousand waiters in 32 processes: some have one more than others.
  const firstOf = (at: number): number => Math.floor((at * waiters) / processes);
  const shares = children.map((_, at) => ({ first: firstOf(at), waiters: firstOf(at + 1) - firstOf(at) }));
  const asked = Promise.all(
    children.map((child, at) => child.ask({ ...task, ...shares[at]! }, warmMs + ms + 3 * GRACE_MS)),
  );
  const counted = (async () => {
    await untilNs(fromNs);
    const before = await stage.calls();
    await untilNs(toNs);
    return clientCommands(before, await stage.calls(), subject.plainCommands);
  })();
  const seen = (async () => {
    await untilNs(toNs - (ms * 1e6) / 2);
    return look();
  })();
  const [answers, commands, looks] = await Promise.all([asked, counted, seen]);
  const figures = handOffFigures(
    answers.map(({ holds = [] }) => holds),
    { waiters: shares.map((share) => share.waiters), resources, fromNs, toNs },
  );
  const { handOffs: count = 0 } = figures;
  return {
    ...figures,
    ...(count > 0 ? { commands: commands / count } : {}),
    ...looks,
    errors: answers.reduce((sum, answer) => sum + (answer.figures?.['errors'] ?? 0), 0),
  };
}
