import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { pageOf, rootUrl } from './markdown.js';

const PAGES = [
  'README.md',
  'CHANGELOG.md',
  'docs/security.md',
  'src/README.md',
  'test/README.md',
  'benchmarks/README.md',
];

/** A heading's name in a link, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const anchorsIn = (page: string): string[] =>
  [...page.matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1]!));

describe.each(PAGES)('%s', (path) => {
  const page = pageOf(path);

  it('links to files and headings that are there', () => {
    const links = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [file = '', anchor] = link.split('#');
      const url = file === '' ? new URL(path, rootUrl) : new URL(file, new URL(path, rootUrl));
      if (!existsSync(url)) return true;
      return anchor !== undefined && !anchorsIn(pageOf(url.pathname)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

describe('the map of the sources', () => {
  const map = pageOf('src/README.md');
  const files = readdirSync(new URL('src/', rootUrl), { recursive: true })
    .map((file) => String(file).replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts'));

  it('names files that exist', () => {
    const named = [...map.matchAll(/`([\w./-]+\.ts)`/g)].map((match) => match[1]!);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !files.includes(name))).toEqual([]);
  });

  it('leaves out no file', () => {
    expect(files.filter((file) => !file.endsWith('index.ts') && !map.includes(`\`${file}\``))).toEqual([]);
  });
});
