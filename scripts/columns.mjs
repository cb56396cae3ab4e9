/**
 * Lists the lines of TypeScript and JavaScript that are wider than Prettier's `printWidth`, comments
 * included. Prettier itself breaks no comment and no string.
 *
 * Two kinds of lines may be wider. A word that is too long for a line of its own, such as a URL or a regular
 * expression, cannot be broken. The title of a test stays in one piece, so that it can be searched for; it
 * may have as many characters as a line.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDERS = ['src', 'test', 'scripts', 'examples', 'benchmarks', 'grafana'];

const TEST_TITLE = /^\s*(?:it|test|describe)(?:\.\w+)*\((['"`])(.*)\1, (?:async )?\([^()]*\) => \{$/;

/**
 * The lines of a text that are too wide: each with its number, from 1, and its width.
 *
 * @param {string} text
 * @param {number} limit
 */
export function wideLines(text, limit) {
  return text
    .split('\n')
    .map((line, index) => ({ number: index + 1, columns: line.length, line }))
    .filter(({ columns, line }) => columns > limit && !isUnbreakable(line, limit))
    .map(({ number, columns }) => ({ number, columns }));
}

/**
 * @param {string} line
 * @param {number} limit
 */
function isUnbreakable(line, limit) {
  const title = TEST_TITLE.exec(line)?.[2];
  if (title !== undefined) return title.length <= limit;
  const indentation = /^\s*(?:(?:\*|\/\/|--) )?/.exec(line)?.[0].length ?? 0;
  const longestWord = Math.max(
    ...line
      .slice(indentation)
      .split(' ')
      .map((word) => word.length),
  );
  return indentation + longestWord > limit;
}

function main() {
  const root = fileURLToPath(new URL('../', import.meta.url));
  const limit = Number(JSON.parse(readFileSync(join(root, '.prettierrc.json'), 'utf8')).printWidth);
  const inFolders = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  const wide = [...readdirSync(root), ...inFolders]
    .filter((file) => /\.[cm]?[jt]s$/.test(file) && !file.includes('node_modules'))
    .sort()
    .flatMap((file) =>
      wideLines(readFileSync(join(root, file), 'utf8'), limit).map((line) => ({ file, ...line })),
    );
  for (const { file, number, columns } of wide) console.log(`${file}:${number}: ${columns} columns`);
  if (wide.length === 0) return;
  console.log(`${wide.length} lines are wider than ${limit} columns.`);
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
