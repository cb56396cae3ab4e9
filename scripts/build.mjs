/**
 * Compiles src to dist, once as ES modules and once as CommonJS. With `--if-stale` it does nothing if dist
 * was built from the same sources. It compiles beside dist and swaps the two at the end, so that a reader of
 * dist never sees half of it.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const dist = join(root, 'dist');
const cache = join(root, '.cache');
const stamp = join(cache, 'dist.sha256');

const lock = join(cache, 'build.pid');

const sources = hashOfSources();
const isWanted = () => !process.argv.includes('--if-stale') || !isBuiltFrom(sources);
if (isWanted())
  await exclusively(async () => {
    if (isWanted()) await build();
  });

/**
 * Test files run side by side and each makes sure that dist is there. The second to swap would take away what
 * the first one's readers have begun to read.
 *
 * @param {() => Promise<void>} act
 */
async function exclusively(act) {
  mkdirSync(cache, { recursive: true });
  while (!isTaken()) await sleep(100);
  try {
    await act();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Whether this process has the lock now. That of a process that has died is removed. */
function isTaken() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    if (!isAlive(Number(read(lock)))) rmSync(lock, { force: true });
    return false;
  }
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    // An owner that has not written its pid yet counts as alive.
    return pid === 0 || process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

function hashOfSources() {
  const modules = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const files = modules.filter((file) => /\.c?[jt]s$/.test(file)).map((file) => join('src', file));
  const hash = createHash('sha256');
  for (const file of [
    ...files.sort(),
    'tsconfig.json',
    'tsconfig.esm.json',
    'tsconfig.cjs.json',
    'package-lock.json',
    'scripts/build.mjs',
  ]) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

/** @param {string} hash */
function isBuiltFrom(hash) {
  return existsSync(dist) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
}

async function build() {
  const fresh = join(cache, `dist-${process.pid}`);
  mkdirSync(join(fresh, 'cjs'), { recursive: true });
  try {
    const codes = await Promise.all(['esm', 'cjs'].map((format) => compile(format, join(fresh, format))));
    if (codes.some((code) => code !== 0)) {
      process.exitCode = 1;
      return;
    }
    keepImports(join(fresh, 'cjs'));
    // The package says "type": "module". The files in this folder are CommonJS.
    writeFileSync(join(fresh, 'cjs', 'package.json'), '{ "type": "commonjs" }\n');
    rmSync(stamp, { force: true });
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
    writeFileSync(stamp, sources);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/**
 * The compiler makes a `require` in a function of its own of each `import()`. A bundler only warns about a
 * package that is missing where it is loaded inside `try`, and such a function does not count as inside.
 *
 * @param {string} folder
 */
function keepImports(folder) {
  const compiled = /Promise\.resolve\(\)\.then\(\(\) => __importStar\(require\(('[^']+')\)\)\)/g;
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.js')) continue;
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    const kept = text.replace(compiled, 'import($1)');
    if (kept !== text) writeFileSync(path, kept);
  }
}

/**
 * @param {string} format
 * @param {string} outDir
 * @returns {Promise<number | null>}
 */
function compile(format, outDir) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', join(root, `tsconfig.${format}.json`), '--outDir', outDir];
  const compiler = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve, reject) => compiler.once('error', reject).once('exit', resolve));
}
