/**
 * Checks what can be checked without a server. All steps run, even after one has failed. The last line names
 * those that failed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const bin = join(root, 'node_modules/.bin');
mkdirSync(join(root, '.cache'), { recursive: true });
const packed = mkdtempSync(join(root, '.cache/packed-'));

/** @type {[string, () => boolean][]} */
const steps = [
  ['lockfile', () => run('node', 'scripts/complete-lockfile.mjs', '--check')],
  ['types', () => run('tsc', '-p', 'tsconfig.json')],
  ['lint', () => run('oxlint')],
  ['format', () => run('prettier', '--check', '--log-level', 'warn', '.')],
  ['columns', () => run('node', 'scripts/columns.mjs')],
  ['arrows between folders', () => jest('test/architecture')],
  ['retired words', () => jest('test/words')],
  ['links, map and format of the pages', () => jest('test/map', 'docs/links', 'docs/format')],
  ['unused code and dependencies', () => run('knip')],
  [
    'generated files',
    () => run('node', '--import', './scripts/ts-loader.mjs', 'grafana/src/generate.ts', '--check'),
  ],
  [
    'pictures',
    () => run('node', '--import', './scripts/ts-loader.mjs', 'scripts/pictures/main.ts', '--check'),
  ],
  ['package', () => run('node', 'scripts/build.mjs') && pack() && publint() && areTheTypesRight()],
  [
    'public types',
    () => run('node', 'scripts/build.mjs', '--if-stale') && run('node', 'scripts/api-report.mjs'),
  ],
];

/** @type {string[]} */
const failed = [];
for (const [title, passes] of steps) {
  console.log(`\n== ${title}`);
  if (!passes()) failed.push(title);
}
rmSync(packed, { recursive: true, force: true });

console.log(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, ...args) {
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
  return spawnSync(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}

/** @param {string[]} patterns */
function jest(...patterns) {
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const config = ['--config', 'jest.unit.config.js'];
  return run('node', ...node, 'node_modules/jest/bin/jest.js', ...config, ...patterns);
}

/** The package was just built, so packing must not build it again. */
function pack() {
  return run('npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', packed);
}

function publint() {
  return run('publint', 'run', '--strict', tarball());
}

function areTheTypesRight() {
  return run('attw', '--no-emoji', '--format', 'ascii', tarball());
}

function tarball() {
  return join(packed, readdirSync(packed).find((file) => file.endsWith('.tgz')) ?? '');
}
