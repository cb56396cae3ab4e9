import { describe, expect, it } from '@jest/globals';
import { MARKDOWN_FILES, pageOf, PAGES, proseIn } from './markdown.js';

const MOST_BYTES = 12_000;
const MOST_COLUMNS = 110;

it('README.md fits a screen or two: it has at most 12,000 bytes', () => {
  expect(Buffer.byteLength(pageOf('README.md'))).toBeLessThanOrEqual(MOST_BYTES);
});

it.each(MARKDOWN_FILES)('the prose of %s has at most 110 columns', (path) => {
  const tooLong = proseIn(pageOf(path)).filter(({ text }) => text.length > MOST_COLUMNS);
  expect(tooLong).toEqual([]);
});

describe('each page of docs/', () => {
  const pages = PAGES.filter((path) => path !== 'README.md');

  it.each(pages)('%s begins with its title and one sentence that says what it is for', (path) => {
    const [title, empty, ...rest] = pageOf(path).split('\n');
    expect(title).toMatch(/^# \S/);
    expect(empty).toBe('');
    const paragraph = rest.slice(0, rest.indexOf('')).join(' ');
    expect(paragraph).toMatch(/^This page [^.]+(\.\w[^.]*)*\.$/);
  });

  it.each(pages)('%s is in the tables of contents of README.md and docs/README.md', (path) => {
    const file = path.replace('docs/', '');
    if (file === 'README.md') return;
    expect(pageOf('README.md')).toContain(`](docs/${file})`);
    expect(pageOf('docs/README.md')).toContain(`](${file})`);
  });
});

describe('what counts as prose', () => {
  it('is everything but code, tables, HTML and a link that stands alone', () => {
    const page = [
      '# title',
      '```sh',
      'code',
      '```',
      '| a |',
      '  <img src="x">',
      '- [a](b)',
      '![a picture](b)',
      'text [a](b)',
    ];
    expect(proseIn(page.join('\n'))).toEqual([
      { line: 1, text: '# title' },
      { line: 9, text: 'text [a](b)' },
    ]);
  });
});
