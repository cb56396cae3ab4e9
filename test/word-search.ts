import { parseSync } from '@swc/core';
import { RETIRED_WORDS } from './retired-words.js';

interface TextFile {
  /** From the root of the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Says in a line each where a retired word stands: `file:line: word, now: other`. */
export function retiredWordsIn({ path, text }: TextFile): string[] {
  const words = RETIRED_WORDS.filter(
    ({ under, allowedIn }) => under?.test(path) !== false && allowedIn?.test(path) !== true,
  );
  const identifiers = /\.[cm]?[jt]s$/.test(path)
    ? identifiersIn({ path, text })
    : new Map<string, number[]>();
  const found = words.flatMap(({ word, now, among, pattern }) => {
    const lines = among === 'text' ? linesWith(pattern, path, text) : linesNaming(pattern, identifiers, text);
    return [...new Set(lines)].map((line) => ({ line, message: `${path}:${line}: ${word}, now: ${now}` }));
  });
  return found.sort((a, b) => a.line - b.line).map(({ message }) => message);
}

/** The numbers of the lines, from 1, in which the pattern is found; 0 stands for the path. */
function linesWith(pattern: RegExp, path: string, text: string): number[] {
  const inPath = pattern.test(path) ? [0] : [];
  // Nearly always there is nothing to be found.
  if (!pattern.test(text)) return inPath;
  return [...inPath, ...text.split('\n').flatMap((line, index) => (pattern.test(line) ? [index + 1] : []))];
}

function linesNaming(pattern: RegExp, identifiers: ReadonlyMap<string, number[]>, text: string): number[] {
  return [...identifiers].flatMap(([name, offsets]) =>
    pattern.test(name) ? offsets.map((offset) => lineAt(text, offset)) : [],
  );
}

/**
 * A page without what may name the old words: sections with "renamed" in their heading, and tables whose
 * first column is called "was". Lines keep their numbers.
 */
export function withoutRenames(page: string): string {
  let depth = 0;
  let isTable = false;
  return page
    .split('\n')
    .map((line) => {
      const heading = /^(#+) (.*)$/.exec(line);
      if (heading !== null && (depth === 0 || heading[1]!.length <= depth))
        depth = /renamed/i.test(heading[2]!) ? heading[1]!.length : 0;
      isTable = line.startsWith('|') && (isTable || /^\|\s*was\s*\|/.test(line));
      return depth > 0 || isTable ? '' : line;
    })
    .join('\n');
}

interface SyntaxNode {
  readonly type?: string;
  readonly value?: unknown;
  readonly span?: { readonly start: number };
}

/** Where in the text each identifier stands, counted in bytes. */
function identifiersIn({ path, text }: TextFile): Map<string, number[]> {
  // A span may begin anywhere, but all begin alike: so a statement is put in front whose place in the text is
  // known.
  const front = '0;';
  const tree = parsed(path, `${front}${text}`);
  const start = tree.span!.start + front.length;
  const offsets = new Map<string, number[]>();
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(walk);
    if (typeof node !== 'object' || node === null) return;
    const { type, value, span } = node as SyntaxNode;
    if (
      (type === 'Identifier' || type === 'PrivateName') &&
      typeof value === 'string' &&
      span !== undefined
    ) {
      const known = offsets.get(value);
      if (known === undefined) offsets.set(value, [span.start - start]);
      else known.push(span.start - start);
    }
    Object.values(node).forEach(walk);
  };
  walk(tree);
  return offsets;
}

function parsed(path: string, source: string): SyntaxNode {
  try {
    const tree: unknown = parseSync(source, { syntax: 'typescript', decorators: true, target: 'es2022' });
    return tree as SyntaxNode;
  } catch (error) {
    throw new Error(`${path} cannot be parsed`, { cause: error });
  }
}

const lineAt = (text: string, offset: number): number =>
  Buffer.from(text).subarray(0, offset).toString().split('\n').length;
