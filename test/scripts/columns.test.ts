import { expect, it } from '@jest/globals';
import { wideLines } from '../../scripts/columns.mjs';

const LIMIT = 40;

const words = (count: number): string => 'word '.repeat(count).trim();
const numbersIn = (text: string): number[] => wideLines(text, LIMIT).map(({ number }) => number);

it('a line as wide as the limit passes, and one column more does not', () => {
  const line = `${words(7)} abcde`;
  expect(line).toHaveLength(LIMIT);
  expect(numbersIn(line)).toEqual([]);
  expect(wideLines(`${line}\n${line}f\n`, LIMIT)).toEqual([{ number: 2, columns: LIMIT + 1 }]);
});

it.each([
  ['code', `const x = [${'1, '.repeat(20)}];`],
  ['a line comment', `  // ${words(9)}`],
  ['a block comment', `   * ${words(9)}`],
  ['a comment behind code', `const x = 1; // ${words(9)}`],
  ['a string of words, which can be joined with +', `  'message': '${words(9)}',`],
  ['a comment in a script of Redis', `-- ${words(9)}`],
  ['a URL behind words, which could stand on the next line', `// ${words(3)} https://example.com/a/page`],
  ['the title of a test that is too long itself', `  it('${words(9)}', () => {`],
])('a line that is too wide is found in %s', (_where, line) => {
  expect(line.length).toBeGreaterThan(LIMIT);
  expect(numbersIn(`one\n${line}\n`)).toEqual([2]);
});

it.each([
  ['a URL', `// https://example.com/${'a'.repeat(LIMIT)}`],
  ['a URL with a name in front', `  const page = 'https://example.com/${'a'.repeat(LIMIT)}';`],
  ['a regular expression', `  /^${'a'.repeat(LIMIT)}$/,`],
  ['the title of a test', `  it('${words(7)}', async () => {`],
])('a line that cannot be broken passes: %s', (_what, line) => {
  expect(line.length).toBeGreaterThan(LIMIT);
  expect(numbersIn(line)).toEqual([]);
});
