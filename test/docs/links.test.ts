import { existsSync, statSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { MARKDOWN_FILES, pageOf, PAGES, rootUrl } from './markdown.js';

/** A heading's name in a link, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const withoutCode = (page: string): string => page.replace(/^```[^]*?^```$/gm, '');

const anchorsIn = (page: string): string[] =>
  [...withoutCode(page).matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1]!));

/** Where links, pictures and the sources of pictures lead. */
const targetsIn = (page: string): string[] =>
  [
    ...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g),
    ...withoutCode(page).matchAll(/ (?:src|srcset|href)="([^"]+)"/g),
  ].map((match) => match[1]!);

function isBroken(target: string, path: string): boolean {
  if (/^(https?|mailto):/.test(target)) return false;
  const [file = '', anchor] = target.split('#');
  const url = file === '' ? new URL(path, rootUrl) : new URL(file, new URL(path, rootUrl));
  if (!existsSync(url)) return true;
  if (anchor === undefined) return false;
  return statSync(url).isDirectory() || !anchorsIn(pageOf(url.pathname)).includes(anchor);
}

describe.each(MARKDOWN_FILES)('%s', (path) => {
  it('links to files and headings that are there', () => {
    expect(targetsIn(pageOf(path)).filter((target) => isBroken(target, path))).toEqual([]);
  });
});

it.each(PAGES)('%s has no two headings of the same name', (path) => {
  const anchors = anchorsIn(pageOf(path));
  expect(anchors.filter((anchor, at) => anchors.indexOf(anchor) < at)).toEqual([]);
});

describe('the test of links', () => {
  it('finds a file, a heading and a picture that are not there', () => {
    expect(isBroken('no-such-file.md', 'README.md')).toBe(true);
    expect(isBroken('docs/safety.md#no-such-heading', 'README.md')).toBe(true);
    expect(isBroken('docs/safety.md#what-is-not-promised', 'README.md')).toBe(false);
    expect(targetsIn('[a](b) <img src="c"> <source srcset="d"> ![e](f)')).toEqual(['b', 'f', 'c', 'd']);
  });
});
