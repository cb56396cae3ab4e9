import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { handOffFigures } from '../../benchmarks/bench/handoffs.js';
import { runAll } from '../../benchmarks/bench/run.js';
import { ownNodes } from '../../benchmarks/bench/nodes.js';
import { clientCommands, Stage } from '../../benchmarks/bench/stage.js';
import { FLOOR, PEERS, QUORLOCK, type Subject } from '../../benchmarks/bench/subjects.js';
import { nowNs, type Hold } from '../../benchmarks/bench/tasks.js';

const quorlock = new URL('../../src/index.ts', import.meta.url).href;
const TIMEOUT_MS = 30_000;
let stage: Stage;

beforeAll(async () => {
  stage = new Stage(await ownNodes(3), { quorlock });
});
afterAll(() => stage.close());

const CYCLES = 20;
const subjects = [QUORLOCK, { ...FLOOR, plainCommands: ['set'] }, ...PEERS];

it.each(subjects.map((subject): [string, Subject] => [subject.name, subject]))(
  '%s does the requested cycles, and its commands are counted',
  async (_name, subject) => {
    await stage.reset();
    const child = await stage.child(subject, 3, 10);
    const before = await stage.calls();
    const task = { kind: 'closed', inFlight: 2, warmMs: 0, ms: 0, cycles: CYCLES } as const;
    const { figures } = await child.ask(task, TIMEOUT_MS);
    expect(figures).toMatchObject({ cycles: CYCLES, errors: 0, unfinished: 0 });
    const commands = clientCommands(before, await stage.calls(), subject.plainCommands);
    // One command to acquire and one to release, on each of three nodes. quorlock sends several requests in
    // one command, and a script may be sent twice.
    expect(commands).toBeGreaterThanOrEqual(subject.kind === 'quorlock' ? 1 : CYCLES * 2 * 3 - 2 * 3);
    expect(commands).toBeLessThan(CYCLES * 4 * 3);
    await child.kill();
  },
);

it('waiters of two processes hand over a resource, and two never hold it at once', async () => {
  await stage.reset();
  const children = await Promise.all([stage.child(QUORLOCK, 3), stage.child(QUORLOCK, 3)]);
  const fromNs = nowNs();
  const holds: Hold[][] = [[], []];
  // Longer each time, until the resource was held twice: the machine may be slow.
  for (let ms = 250; holds.flat().length < 2; ms *= 2) {
    const untilNs = nowNs() + ms * 1e6;
    const task = { kind: 'contend', resources: ['one'], waiters: 2, holdMs: 0, untilNs } as const;
    const answers = await Promise.all(
      children.map((child, at) => child.ask({ ...task, first: 2 * at }, TIMEOUT_MS)),
    );
    for (const [at, answer] of answers.entries()) holds[at]?.push(...(answer.holds ?? []));
  }
  expect(handOffFigures(holds, { waiters: [2, 2], fromNs, toNs: Infinity })).toMatchObject({ overlaps: 0 });
});

it('hand-offs are counted over all processes: gaps, overlaps, and how often each waiter was served', () => {
  const holds = [
    [
      [0, 0, 1e6],
      [0, 5e6, 9e6],
    ],
    [
      [1, 3e6, 4e6],
      [1, 8e6, 10e6],
      [0, 99e6, 99e6],
    ],
  ] as const;
  expect(handOffFigures(holds, { waiters: [2, 2], fromNs: 0, toNs: 20e6 })).toEqual({
    handOffs: 4,
    perSecond: 200,
    p50: 1,
    p99: 2,
    least: 0,
    most: 2,
    starved: 2,
    overlaps: 1,
  });
});

it('with several resources, gaps and overlaps are those of each, and every waiter counts', () => {
  // Of four waiters, those of number 0 and 2 want the first resource, and 1 and 3 the second.
  const holds = [
    [
      [0, 0, 4e6],
      [1, 1e6, 2e6],
    ],
    [
      [0, 5e6, 6e6],
      [1, 1.5e6, 3e6],
    ],
  ] as const;
  expect(handOffFigures(holds, { waiters: [2, 2], resources: 2, fromNs: 0, toNs: 10e6 })).toMatchObject({
    handOffs: 4,
    p50: 1,
    least: 1,
    most: 1,
    starved: 0,
    overlaps: 1,
  });
});

it('a subject that fails becomes a note, and the others are measured', async () => {
  const broken: Subject = { name: 'broken', kind: 'peer', adapter: 'no-such-file.ts' };
  const rows = await runAll(
    [
      {
        name: 'small',
        rounds: { quick: 1, full: 1 },
        subjects: () => [broken, QUORLOCK],
        async play(play) {
          await play.record('cell', async () => {
            const child = await play.stage.child(play.subject, 1, 1);
            const task = { kind: 'closed', inFlight: 1, warmMs: 0, ms: 0, cycles: CYCLES } as const;
            return (await child.ask(task, TIMEOUT_MS)).figures ?? {};
          });
        },
      },
    ],
    { isQuick: true, isWanted: () => true, builds: { quorlock }, say: () => undefined },
  );
  expect(rows).toMatchObject([
    { subject: 'broken', cell: 'cell', figures: {}, note: expect.stringMatching(/no-such-file/) },
    { subject: 'quorlock', cell: 'cell', figures: { cycles: CYCLES } },
  ]);
});
