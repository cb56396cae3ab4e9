import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { arrowsIn } from './architecture-rules.js';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const isThere = (path: string): boolean => existsSync(new URL(path, root));

interface Folder {
  /** From the root of the project, with a slash at the end: `src/core/`. */
  readonly path: string;
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/** A folder and all folders below it. */
function foldersFrom(path: string): Folder[] {
  const entries = readdirSync(new URL(path, root), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${name}/`);
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return [{ path, files, folders }, ...folders.flatMap((folder) => foldersFrom(path + folder))];
}

const [sources, ...folders] = foldersFrom('src/') as [Folder, ...Folder[]];

const isSource = (file: string): boolean => /\.(ts|cjs)$/.test(file);

/** Files and folders that have a line each: "- `vote.ts`: …" or "- [`redis/`](redis/README.md): …". */
const linesFor = (page: string): string[] =>
  [...page.matchAll(/^- (?:`([^`]+)`|\[`([^`]+)`\]\(\2README\.md\)): ./gm)].map(
    (match) => (match[1] ?? match[2])!,
  );

/** All file and folder names in backticks; other code is not a name. */
const namesIn = (page: string): string[] =>
  [...page.matchAll(/`([\w.-]+(?:\/[\w.-]+)*(?:\/|\.(?:ts|cjs)))`/g)].map((match) => match[1]!);

/** The links of a page that lead nowhere: to no file, or to no heading of it. */
function brokenLinksOf(path: string, page = read(path)): string[] {
  const links = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [file = '', anchor] = link.split('#');
    const target = new URL(file, new URL(path, root)).pathname;
    return !isThere(target) || (anchor !== undefined && !anchorsIn(read(target)).includes(anchor));
  });
}

/** The names of a page's headings in links, as GitHub makes them. */
const anchorsIn = (page: string): string[] =>
  [...page.matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** What a page says that its folder may import: names from `src/` on, such as `core/` or `clock.ts`. */
const permittedBy = (page: string): string[] => namesIn(/^May import: .*?(?=\n\n)/ms.exec(page)?.[0] ?? '');

/** What a folder imports from outside of it, which its page does not permit. */
const unmentionedBy = (page: string, outside: readonly string[]): string[] => {
  const permitted = permittedBy(page);
  return outside.filter(
    (path) => !permitted.some((name) => path === name || (name.endsWith('/') && path.startsWith(name))),
  );
};

const arrows = arrowsIn(
  folders.flatMap(({ path, files }) =>
    files.filter(isSource).map((file) => ({ path: path + file, text: read(path + file) })),
  ),
);

/** The names that are written from the root of the project or of the sources, and lead to nothing. */
const missingOf = (names: readonly string[]): string[] =>
  names.filter((name) => !isThere(`src/${name}`) && !isThere(name));

describe('the reading of a page', () => {
  it('takes a line for each file and folder, and no other line', () => {
    const page =
      '- `vote.ts`: a vote\n- `no-words.ts`:\n- [`redis/`](redis/README.md): a\n- [`a/`](b/README.md): a';
    expect(linesFor(page)).toEqual(['vote.ts', 'redis/']);
  });

  it('finds names and links that lead nowhere', () => {
    expect(
      missingOf(namesIn('`core/vote.ts` `core/votes.ts` `test/core/` `src/cores/` `vote.kind`')),
    ).toEqual(['core/votes.ts', 'src/cores/']);
    const page = '[a](core/README.md#core) [b](core/README.md#no) [c](cores/README.md)';
    expect(brokenLinksOf('src/README.md', page)).toEqual(['core/README.md#no', 'cores/README.md']);
  });
});

it('an import is permitted by the name of the file, or of a folder around it', () => {
  const page = '# a\n\nMay import: `core/`, `clock.ts`, and of `b/`\nthe types.\n\n- `api/`';
  const outside = ['core/vote.ts', 'core/run/votes.ts', 'clock.ts', 'b/x.ts', 'api/x.ts', 'index.ts'];
  expect(unmentionedBy(page, outside)).toEqual(['api/x.ts', 'index.ts']);
});

describe.each(folders.map((folder) => [folder.path, folder] as const))('the page of %s', (path, folder) => {
  const page = `${path}README.md`;

  it('has one line for each source file and each folder in it, and for nothing else', () => {
    const expected = [...folder.files.filter(isSource), ...folder.folders];
    expect(linesFor(read(page)).toSorted()).toEqual(expected.toSorted());
  });

  it('names nothing that is not there', () => {
    const names = namesIn(read(page)).filter((name) => !isThere(path + name));
    expect(missingOf(names)).toEqual([]);
    expect(brokenLinksOf(page)).toEqual([]);
  });

  it('permits all that the files in it import from other folders', () => {
    const outside = arrows
      .filter(
        ({ from, to }) =>
          from.startsWith(path) && !from.slice(path.length).includes('/') && !to.startsWith(path),
      )
      .map(({ to }) => to.slice('src/'.length));
    expect(unmentionedBy(read(page), outside)).toEqual([]);
  });

  it('is a page of 10 to 36 lines that says what the folder may import', () => {
    const lines = read(page)
      .split('\n')
      .filter((line) => line.trim() !== '');
    expect(lines.length).toBeGreaterThanOrEqual(10);
    expect(lines.length).toBeLessThanOrEqual(36);
    expect(lines[0]).toBe(`# ${path.slice('src/'.length, -1)}`);
    expect(lines.filter((line) => line.startsWith('May import: '))).toHaveLength(1);
  });
});

describe('the map of the sources', () => {
  const page = read('src/README.md');
  const lines = page.split('\n');

  it('has a line for each folder, which leads to the page of the folder', () => {
    const paths = folders.map(({ path }) => path.slice(sources.path.length));
    const linked = [...page.matchAll(/^\| (\[`.+?\))/gm)].map((match) => match[1]!);
    expect(linked.toSorted()).toEqual(paths.map((path) => `[\`${path}\`](${path}README.md)`).toSorted());
  });

  it('names nothing that is not there', () => {
    expect(missingOf(namesIn(page))).toEqual([]);
    expect(brokenLinksOf('src/README.md')).toEqual([]);
  });

  it('is one page', () => {
    expect(lines.length).toBeLessThanOrEqual(90);
    expect(lines.filter((line) => line.length > 110 && !line.startsWith('|'))).toEqual([]);
  });
});

describe('the decisions', () => {
  const folder = 'docs/decisions/';
  const files = readdirSync(new URL(folder, root)).filter((file) => file !== 'README.md');
  const index = read(`${folder}README.md`);

  it('are listed in the index by their title, each once and in order', () => {
    const listed = [...index.matchAll(/^- \[(.+)\]\((\d{4}-[a-z0-9-]+\.md)\)$/gm)];
    expect(listed.map((match) => match[2])).toEqual(files.toSorted());
    for (const [, title, file] of listed) expect(read(folder + file!).split('\n')[0]).toBe(`# ${title}`);
  });

  it.each(files)('%s has a context, a decision and a price, in 300 words at most', (file) => {
    const page = read(folder + file);
    expect(page).toMatch(new RegExp(`^# ${file.slice(0, 4)}\\. `));
    expect([...page.matchAll(/^## (.*)$/gm)].map((match) => match[1])).toEqual([
      'Context',
      'Decision',
      'Price',
    ]);
    expect(page.split(/\s+/).length).toBeLessThanOrEqual(300);
    expect(brokenLinksOf(folder + file)).toEqual([]);
  });
});
