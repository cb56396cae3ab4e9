import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { retiredWordsIn, withoutRenames } from './word-search.js';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

const filesUnder = (folder: string, ending: RegExp): string[] =>
  readdirSync(new URL(folder, root), { recursive: true })
    .map((file) => `${folder}/${String(file).replaceAll('\\', '/')}`)
    .filter((file) => ending.test(file) && !file.includes('node_modules/'));

const CODE = /\.[cm]?[jt]s$/;
const CODE_AND_PAGES = /\.([cm]?[jt]s|md)$/;

/** These have to name the words themselves. */
const OWN = ['test/retired-words.ts', 'test/word-search.ts', 'test/words.test.ts'];
/** The reports repeat the names of the code, where each is found already. */
const REPORTS = 'scripts/api/';

const isThere = (folder: string): boolean => readdirSync(root).includes(folder);

const searched = [
  ...readdirSync(root).filter((file) => file.endsWith('.md')),
  ...filesUnder('src', CODE_AND_PAGES),
  ...filesUnder('test', CODE_AND_PAGES),
  ...(isThere('docs') ? filesUnder('docs', CODE_AND_PAGES) : []),
  ...filesUnder('scripts', CODE_AND_PAGES),
  ...filesUnder('examples', CODE_AND_PAGES),
  ...filesUnder('grafana/src', CODE_AND_PAGES),
  ...filesUnder('benchmarks', CODE),
].filter((path) => !OWN.includes(path) && !path.startsWith(REPORTS));

/** These pages may list what was renamed. */
const namesOldWords = (path: string): boolean =>
  path === 'CHANGELOG.md' || path.startsWith('docs/decisions/');

it('no retired word is left in the code, its comments and the pages', () => {
  const found = searched.flatMap((path) => {
    const text = read(path);
    return retiredWordsIn({ path, text: namesOldWords(path) ? withoutRenames(text) : text });
  });
  expect(found).toEqual([]);
});

const found = (text: string, path = 'src/lock/lease/a.ts'): string[] => retiredWordsIn({ path, text });

it.each([
  ['in a comment', '// The next ballot begins.'],
  ['in the plural', '// All tenures end.'],
  ['at the beginning of a sentence', '/** Arrears are counted. */'],
  ['inside an identifier', 'export const lastBallotAt = 0;'],
  ['in a constant', 'export const BALLOTS = 512;'],
  ['in a string', 'export const text = "with a ceiling";'],
  ['in a path', `import { x } from './due-queue.js';`],
  ['that was two words', 'export class LeaseKeeper {}'],
  ['as a private field', 'export class X { #gate = 1; }'],
  ['as a method', 'export class X { tend(): void {} }'],
  ['as a type', 'export type X = Map<string, Waits>;'],
  ['as a value of a union', `export type X = 'moment' | 'other';`],
  ['as the status of a node', `export const x = { status: 'refused' };`],
])('a retired word is found %s', (_where, text) => {
  expect(found(text)).toHaveLength(1);
});

it('a retired word is found in the name of a file', () => {
  expect(found('', 'src/lock/lease-keeper.ts')).toEqual([
    expect.stringMatching(/^src\/lock\/lease-keeper\.ts:0: /),
  ]);
});

it('a retired word is found in a page', () => {
  expect(found('one\n\nThe `ballot` of two.\n', 'docs/page.md')).toEqual([
    'docs/page.md:3: ballot, now: acquire round',
  ]);
});

it('a retired word is found on its line, behind comments and letters of several bytes', () => {
  const text = '/** Grüße */\n// ✓\nexport const a = "ü";\n\nexport class Stop {}\n';
  expect(found(text)).toEqual(['src/lock/lease/a.ts:5: Stop, now: Cancellation']);
});

it.each([
  ['an ordinary word in a comment', '// In turn, the servers stop, keep and forget what they were asked.'],
  ['a verb of two words', '// Processes wake up and hand a lock over.'],
  ['Promise.allSettled', 'export const x = Promise.allSettled([]);'],
  ['Math.round', 'export const x = Math.round(1.5);'],
  ['a word that only contains one', 'export const near = { clear: 1, health: 2, ending_: 3 };'],
  ['a refused vote', `export const x = { kind: 'refused' };`],
  ['the waiter', 'export class Waiter { waitMs = 1; }'],
])('the search for retired words lets pass %s', (_what, text) => {
  expect(found(text)).toEqual([]);
});

it('a word that is a term of the sources only may be used in a test', () => {
  const text = 'export const gate = { forget: 1, place: 2, claim: 3 };';
  expect(found(text, 'test/lock/a.test.ts')).toEqual([]);
  expect(found(text)).toHaveLength(4);
});

it('a page may name old words in a section on what was renamed, and nowhere else', () => {
  const page =
    '## Added\n\nballot\n\n### Renamed\n\n- ballot\n\n#### More\n\nballot\n\n### Fixed\n\nballot\n';
  expect(found(withoutRenames(page), 'CHANGELOG.md')).toEqual([
    expect.stringContaining('CHANGELOG.md:3:'),
    expect.stringContaining('CHANGELOG.md:15:'),
  ]);
});

it('a page may name old words in a table of what was and what is, and in no other table', () => {
  const page =
    '| was | is |\n| --- | --- |\n| ballot | round |\n\n| is | was |\n| --- | --- |\n| a | ballot |\n';
  expect(found(withoutRenames(page), 'CHANGELOG.md')).toEqual([expect.stringContaining('CHANGELOG.md:7:')]);
});
