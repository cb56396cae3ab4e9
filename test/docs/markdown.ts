import { readdirSync, readFileSync } from 'node:fs';

/**
 * A fenced block of a page. Readers see its language only; the words after it tell the tests what to do with
 * it.
 */
export interface Block {
  readonly language: string;
  /** The value of `name=` on the fence. */
  readonly name: string | undefined;
  /** Whether it is a program to be run, whose output is the block after it. */
  readonly run: boolean;
  /**
   * Packages that are installed here under another name, as `redlock=redlock4` on the fence: `['redlock',
   * 'redlock4']`.
   */
  readonly aliases: readonly (readonly [name: string, installedAs: string])[];
  readonly code: string;
  /** Where it begins, for messages. */
  readonly line: number;
}

/** One row of a table, by the titles of its columns. */
export type Row = Readonly<Record<string, string>>;

export const rootUrl = new URL('../../', import.meta.url);

export const pageOf = (path: string): string => readFileSync(new URL(path, rootUrl), 'utf8');

/** The pages for users, whose code is compiled and run. */
export const PAGES: readonly string[] = [
  'README.md',
  ...readdirSync(new URL('docs/', rootUrl))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

const NOT_OURS = /^(node_modules|dist|coverage|\.cache|\.git)\//;

/** Every Markdown file of the repository. */
export const MARKDOWN_FILES: readonly string[] = readdirSync(rootUrl, { withFileTypes: true })
  .flatMap((entry) => (entry.isDirectory() ? filesIn(`${entry.name}/`) : [entry.name]))
  .filter((file) => file.endsWith('.md'))
  .sort();

function filesIn(folder: string): string[] {
  if (NOT_OURS.test(folder)) return [];
  return readdirSync(new URL(folder, rootUrl), { recursive: true }).map((file) => `${folder}${String(file)}`);
}

/** The fenced blocks of a page, in order. */
export function blocksIn(page: string): Block[] {
  const blocks: Block[] = [];
  const lines = page.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const fence = /^```(\w+)(.*)$/.exec(lines[at]!);
    if (fence === null) continue;
    const end = lines.indexOf('```', at + 1);
    if (end < 0) throw new Error(`the block of line ${at + 1} has no end`);
    const words = fence[2]!.trim().split(/\s+/);
    blocks.push({
      language: fence[1]!,
      name: words.find((word) => word.startsWith('name='))?.slice('name='.length),
      run: words.includes('run'),
      aliases: words.flatMap((word) => {
        const [name, installedAs] = word.split('=');
        return installedAs === undefined || name === 'name' ? [] : [[name!, installedAs] as const];
      }),
      code: `${lines.slice(at + 1, end).join('\n')}\n`,
      line: at + 1,
    });
    at = end;
  }
  return blocks;
}

/**
 * The lines that are prose, with their numbers: neither code nor tables nor HTML nor a link that stands
 * alone.
 */
export function proseIn(page: string): { readonly line: number; readonly text: string }[] {
  let isCode = false;
  return page.split('\n').flatMap((text, at) => {
    const isFence = text.startsWith('```');
    if (isFence) isCode = !isCode;
    if (isFence || isCode || /^\s*(\||<)/.test(text) || LONE_LINK.test(text)) return [];
    return [{ line: at + 1, text }];
  });
}

const LONE_LINK = /^\s*(?:(?:[-*]|\d+\.)\s+)?!?\[[^\]]*\]\(\S+\)[.,;]?$/;

/** The block of that name; throws where there is none. */
export function blockNamed(page: string, name: string): Block {
  const block = blocksIn(page).find((one) => one.name === name);
  if (block === undefined) throw new Error(`no block is named ${name}`);
  return block;
}

/** The rows of the one table whose first column has this title. */
export function tableOf(page: string, firstColumn: string): Row[] {
  const tables = tablesOf(page, firstColumn);
  if (tables.length !== 1)
    throw new Error(`${tables.length} tables begin with a column "${firstColumn}", not one`);
  return tables[0]!;
}

/** The rows of each table whose first column has this title. */
export function tablesOf(page: string, firstColumn: string): Row[][] {
  const lines = page.split('\n');
  return lines.flatMap((line, at) => (cellsOf(line)[0] === firstColumn ? [rowsBelow(lines, at)] : []));
}

function rowsBelow(lines: readonly string[], head: number): Row[] {
  const titles = cellsOf(lines[head]!);
  const rows: Row[] = [];
  for (let at = head + 2; lines[at]?.startsWith('|'); at++) {
    const cells = cellsOf(lines[at]!);
    if (cells.length !== titles.length) throw new Error(`line ${at + 1} has ${cells.length} cells`);
    rows.push(Object.fromEntries(titles.map((title, column) => [title, cells[column]!])));
  }
  return rows;
}

const cellsOf = (line: string): string[] =>
  line.startsWith('|')
    ? line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim())
    : [];

/** The text without its backticks. */
export const plain = (cell: string | undefined): string => (cell ?? '').replaceAll('`', '');

/** What stands in backticks. */
export const codeIn = (cell: string | undefined): string[] =>
  [...(cell ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
