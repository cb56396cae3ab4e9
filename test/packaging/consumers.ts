import { execFile, type ExecException } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { npmInstall } from '../../scripts/npm-install.mjs';

export const root = fileURLToPath(new URL('../../', import.meta.url));

const execute = promisify(execFile);

/** The environment without what npm says about this package: it is wrong in another package. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle)_|npm_config_local_prefix|INIT_CWD$)/.test(name),
  ),
);

/** Long enough for every command here on a slow machine. The limit of a test would not say which one hung. */
const LIMIT_MS = 300_000;

/**
 * Runs a program to its end and returns its stdout. Rejects with all its output if it fails, or has not ended
 * within five minutes.
 */
export async function run(
  cwd: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  try {
    const options = { cwd, env: { ...environment, ...env }, timeout: LIMIT_MS };
    const { stdout } = await execute(command, [...args], options);
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '', killed } = error as ExecException;
    const reason = killed === true ? ` had not ended after ${LIMIT_MS} ms` : '';
    throw new Error(`${command} ${args.join(' ')}${reason}\n${stdout}${stderr}`, { cause: error });
  }
}

export interface Workshop {
  /** The packed package. */
  readonly tarball: string;
  /** Makes an application from the files of `consumer/`, with the packed package and these dependencies. */
  consumer(options: ConsumerOptions): Promise<string>;
  remove(): Promise<void>;
}

interface ConsumerOptions {
  readonly name: string;
  readonly type: 'module' | 'commonjs';
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Builds and packs the package once, in a folder for the applications that use it. */
export async function openWorkshop(): Promise<Workshop> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'quorlock-packaging-')));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await run(root, process.execPath, ['scripts/build.mjs', '--if-stale']);
    const packed = await run(root, 'npm', [
      'pack',
      '--silent',
      '--ignore-scripts',
      '--pack-destination',
      folder,
    ]);
    const tarball = join(folder, packed.trim());
    return { tarball, consumer: (options) => makeConsumer(folder, tarball, options), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function makeConsumer(
  workshop: string,
  tarball: string,
  { name, type, dependencies }: ConsumerOptions,
): Promise<string> {
  const folder = join(workshop, name);
  await mkdir(folder);
  await cp(fileURLToPath(new URL('./consumer/', import.meta.url)), folder, { recursive: true });
  const manifest = {
    name,
    type,
    private: true,
    dependencies: { ...dependencies, quorlock: `file:${tarball}` },
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  // Packages that `npm ci` has put into the cache are not fetched again.
  const flags = ['--prefer-offline', '--no-package-lock', '--loglevel=error'];
  await npmInstall((command, args) => run(folder, command, args), ['install', ...flags]);
  return folder;
}

/** The version of a package that this repository uses. */
export async function ownVersionOf(name: string): Promise<string> {
  const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const version = devDependencies[name];
  if (version === undefined) throw new Error(`${name} is not a dependency of the repository`);
  return version;
}
