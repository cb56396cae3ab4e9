/**
 * Finds the tests that need nothing but Node, for `npm run test:unit`.
 *
 * A test file is one of them if neither the file nor anything it imports starts a process, that is, imports
 * node:child_process. So a new test file joins them by itself. A file that takes seconds stays out by a
 * comment at the beginning of a line: `// slow: why`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

const STARTS_PROCESSES = 'node:child_process';

/** The unit tests of this project: paths from its root. */
export function ownUnitTests() {
  const root = new URL('../', import.meta.url);
  // src is left out: what it starts is a worker thread, which needs no server.
  const files = ['test', 'examples', 'benchmarks', 'grafana', 'scripts'].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
      .map((file) => posix.join(folder, file.replaceAll('\\', '/')))
      .filter((file) => /\.m?[jt]s$/.test(file)),
  );
  return unitTests(files, (file) => readFileSync(new URL(file, root), 'utf8'));
}

/**
 * Those of `files` that are unit tests.
 *
 * @param {readonly string[]} files paths from the root of the project, with slashes
 * @param {(file: string) => string} read
 */
export function unitTests(files, read) {
  const all = new Set(files);
  /** @type {Map<string, string[]>} */
  const importsByFile = new Map();
  const importsOf = (/** @type {string} */ file) => {
    const known = importsByFile.get(file) ?? importsIn(file, read(file), all);
    importsByFile.set(file, known);
    return known;
  };
  return files.filter(
    (file) =>
      file.endsWith('.test.ts') && !/^\/\/ slow: /m.test(read(file)) && !reaches(file, importsOf, new Set()),
  );
}

/**
 * @param {string} file
 * @param {(file: string) => string[]} importsOf
 * @param {Set<string>} seen
 * @returns {boolean}
 */
function reaches(file, importsOf, seen) {
  if (seen.has(file)) return false;
  seen.add(file);
  return importsOf(file).some((one) => one === STARTS_PROCESSES || reaches(one, importsOf, seen));
}

/**
 * What a file imports when it runs: files of the project, and node:child_process. Types are not imported when
 * it runs.
 *
 * @param {string} file
 * @param {string} text
 * @param {ReadonlySet<string>} all
 */
function importsIn(file, text, all) {
  const statements = /^(?:import|export)\b(?! type\b)[^;'"]*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
  return [...text.matchAll(statements)].flatMap(([, fromStatement, fromCall]) => {
    const specifier = fromStatement ?? fromCall ?? '';
    if (specifier === STARTS_PROCESSES || `node:${specifier}` === STARTS_PROCESSES) return [STARTS_PROCESSES];
    if (!specifier.startsWith('.')) return [];
    const path = posix.join(posix.dirname(file), specifier);
    return [path, path.replace(/\.js$/, '.ts')].filter((candidate) => all.has(candidate));
  });
}
