import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { contendedCell, heldCell, uncontendedCell } from '../../benchmarks/bench/cells.js';
import { renderPictures } from '../../benchmarks/bench/pictures.js';
import { digits, renderTable } from '../../benchmarks/bench/render.js';
import { spreadOf, type Results, type Row } from '../../benchmarks/bench/results.js';
import { checkMachine, pageOf } from '../../benchmarks/bench/store.js';
import { targets } from '../../benchmarks/bench/targets.js';

const read = (file: string): string =>
  readFileSync(new URL(`../../benchmarks/${file}`, import.meta.url), 'utf8');
const results = JSON.parse(read('results/bench.json')) as Results;

const row = (subject: string, kind: Row['kind'], cell: string, figures: Row['figures']): Row => ({
  scenario: 'uncontended',
  round: 0,
  subject,
  kind,
  cell,
  figures,
});

it('benchmarks/bench.md is what the stored results give', () => {
  expect(read('bench.md')).toBe(pageOf(results));
});

it('the pictures are what the stored results give, and are well-formed', () => {
  for (const [file, svg] of renderPictures(results)) {
    expect({ file, svg: read(`results/${file}`) }).toEqual({ file, svg });
    expect(svg.match(/<text/g)?.length).toBe(svg.match(/<\/text>/g)?.length);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  }
});

it('a spread is the median, the least and the most; undefined without a figure', () => {
  const of = (...values: number[]) =>
    spreadOf(
      values.map((value) => row('a', 'peer', 'cell', { value })),
      'value',
    );
  expect(of(3, 1, 2)).toEqual({ median: 2, min: 1, max: 3 });
  expect(of(4, 1, 2, 3)).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(of()).toBeUndefined();
});

it('figures have three digits', () => {
  expect([0, 0.01234, 1.2, 12.345, 123.45, 1234.5, 1_234_567].map(digits)).toEqual([
    '0',
    '0.012',
    '1.2',
    '12.3',
    '123',
    '1,235',
    '1,234,567',
  ]);
});

it('targets compare with the best peer and the floors, and are undecided without a measurement', () => {
  const cell = uncontendedCell(5, 128);
  const rows = [
    row('quorlock', 'quorlock', cell, { perSecond: 600 }),
    row('one', 'peer', cell, { perSecond: 50 }),
    row('two', 'peer', cell, { perSecond: 100 }),
    row('pipelined floor', 'floor', cell, { perSecond: 150 }),
    row('batched floor', 'floor', cell, { perSecond: 900 }),
  ];
  const [peer, floor, ...others] = targets(rows);
  expect(peer).toMatchObject({ reached: '6.00', isReached: true, bare: '9.00' });
  expect(floor).toMatchObject({ reached: '4.00', isReached: false, bare: '6.00' });
  expect(others.filter(({ isReached }) => isReached !== undefined)).toEqual([]);
});

it('a waiter that is never served breaks the bound on fairness', () => {
  const starving = (starved: number, figures: Row['figures'] = {}): Row => ({
    ...row('quorlock', 'quorlock', contendedCell(64, 4, 0), { starved, ...figures }),
    scenario: 'contended',
  });
  const verdicts = (one: Row) =>
    targets([one])
      .filter(({ what }) => /^the same: (?:waiters never|most) served/.test(what))
      .map(({ isReached }) => isReached);
  expect(verdicts(starving(1))).toEqual([false, false]);
  expect(verdicts(starving(0, { mostToLeast: 1.2 }))).toEqual([true, true]);
});

it('the results of another machine stand beside those of the first, as ratios', () => {
  const cell = uncontendedCell(5, 128);
  const of = (ours: number): Row[] => [
    row('quorlock', 'quorlock', cell, { perSecond: ours }),
    row('one', 'peer', cell, { perSecond: 100 }),
  ];
  const workstation = { ...results, machine: 'workstation', cpus: 16, rows: of(700) };
  const page = renderTable({ ...results, rows: of(250) }, { others: [workstation] });
  expect(page).toContain('| target | wanted | first | workstation |');
  expect(page).toContain(
    '| N = 5, 128 in flight, cycles/s against the best peer | at least 6 | 2.50 (missed) | 7.00 |',
  );
  expect(page).toMatch(/- workstation: .*\s.*16 CPUs/s);
});

it('the name of a machine is the name of a file', () => {
  expect(checkMachine('workstation-2')).toBe('workstation-2');
  expect(() => checkMachine('../bench')).toThrow('--machine must be small letters, digits and hyphens');
});

it('a picture shows each library once, with its best settings, and says what the colours mean', () => {
  const crowd = (subject: string, perSecond: number): Row => ({
    ...row(subject, 'peer', contendedCell(64, 4, 0), { perSecond }),
    scenario: 'contended',
  });
  const rows = [crowd('one 1.0', 10), crowd('one 1.0, 5 ms', 30), crowd('one 1.0, 25 ms', 20)];
  const pictures = new Map(renderPictures({ ...results, rows }));
  const svg = pictures.get('bench-contended.svg') ?? '';
  expect(svg.match(/>one 1\.0[^<]*</g)).toEqual(['>one 1.0, every 5 ms<']);
  expect(svg).toContain('other libraries, each with its best settings');
  expect(svg).not.toContain('bare commands by hand');
  expect(pictures.has('bench-held.svg')).toBe(false);
});

it('a peer that lost leases is not the best at holding them, and a picture says so', () => {
  const held = (subject: string, kind: Row['kind'], cpuSeconds: number, lost: number): Row => ({
    ...row(subject, kind, heldCell(10_000), { cpuSeconds, heapBytes: 100, lost }),
    scenario: 'held',
  });
  const rows = [
    held('quorlock', 'quorlock', 2, 0),
    held('careless', 'peer', 1, 9_474),
    held('careful', 'peer', 4, 0),
  ];
  const judged = targets(rows).find(
    ({ what }) => what === '10,000 held leases: client CPU against the best peer',
  );
  expect(judged).toMatchObject({ reached: '0.50', isReached: true });
  const pictures = new Map(renderPictures({ ...results, rows }));
  expect(pictures.get('bench-held.svg')).toContain('careless (9,474 lost)');
});
