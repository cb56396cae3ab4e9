/** The stored results: those of the first machine, and those of others beside them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { renderPictures } from './pictures.js';
import { renderTable } from './render.js';
import type { Results } from './results.js';

const results = new URL('../results/', import.meta.url);
const machines = new URL('machines/', results);
const page = new URL('../bench.md', import.meta.url);

/** A machine's name is the name of a file. */
const NAME = /^[a-z0-9][a-z0-9-]{0,40}$/;

/** Throws a RangeError unless this is the name of a machine. */
export function checkMachine(name: string): string {
  if (!NAME.test(name))
    throw new RangeError(`--machine must be small letters, digits and hyphens, 41 at most, got "${name}"`);
  return name;
}

/** The file of a machine; `undefined`: the first one. */
const fileOf = (machine?: string): URL =>
  machine === undefined ? new URL('bench.json', results) : new URL(`${machine}.json`, machines);

/** The results of a machine; `undefined` if it has none. */
export function stored(machine?: string): Results | undefined {
  const file = fileOf(machine);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : undefined;
}

/** The results of the machines beside the first one, by name. */
function otherMachines(): Results[] {
  if (!existsSync(machines)) return [];
  const names = readdirSync(machines).flatMap((file) => /^(.*)\.json$/.exec(file)?.[1] ?? []);
  return names.sort().flatMap((name) => stored(name) ?? []);
}

/** Writes the results of a machine, one row a line, so that a change can be read. */
export function store(made: Results): void {
  const { rows, ...head } = made;
  const lines = rows.map((row) => JSON.stringify({ ...row, figures: rounded(row.figures) }));
  const start = JSON.stringify(head, undefined, 1).slice(0, -2);
  const file = fileOf(made.machine);
  mkdirSync(new URL('./', file), { recursive: true });
  writeFileSync(file, `${start},\n "rows": [\n  ${lines.join(',\n  ')}\n ]\n}\n`);
}

/** Rounds to five digits, which is more than any figure is exact to. */
const rounded = (figures: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(5))]));

/** The page of the stored results: those of the first machine, and beside them those of the others. */
export const pageOf = (first: Results): string =>
  renderTable(first, {
    others: otherMachines(),
    pictures: renderPictures(first).map(([file]) => file),
  });

/** Makes the page and the pictures of what is stored. */
export function renderStored(): void {
  const first = stored();
  if (first === undefined) throw new Error('there are no results of a first machine yet');
  const pictures = renderPictures(first);
  writeFileSync(page, pageOf(first));
  for (const [file, svg] of pictures) writeFileSync(new URL(file, results), svg);
}
