/**
 * Adds to package-lock.json the optional packages for other platforms that npm has left out: it leaves them
 * out if they are neither installed nor in its cache (npm/cli issue 4828). `npm ci` refuses a lockfile
 * without them. Run this after a change of the dependencies. `--check` changes nothing and fails if one is
 * missing.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);

/**
 * @typedef {{ optionalDependencies?: Record<string, string> } & Record<string, unknown>} Entry
 * @type {{ packages: Record<string, Entry> }}
 */
const lockfile = JSON.parse(readFileSync(file, 'utf8'));
const { packages } = lockfile;

const missing = Object.entries(packages).flatMap(([parent, { optionalDependencies = {} }]) =>
  Object.entries(optionalDependencies)
    .filter(([name]) => !packages[`node_modules/${name}`] && !packages[`${parent}/node_modules/${name}`])
    .map(([name, version]) => ({ name, version })),
);

if (missing.length > 0 && process.argv.includes('--check')) {
  console.error(`package-lock.json lacks ${missing.map(({ name }) => name).join(', ')}`);
  console.error('Run `node scripts/complete-lockfile.mjs`.');
  process.exitCode = 1;
} else if (missing.length > 0) {
  for (const { name, version } of missing) {
    const { os, cpu, libc } = platformOf(name);
    // npm writes the fields in this order.
    packages[`node_modules/${name}`] = { version, cpu, dev: true, libc, optional: true, os };
  }
  const [root, ...others] = Object.entries(packages);
  lockfile.packages = Object.fromEntries([
    root ?? [],
    ...others.sort(([a], [b]) => a.localeCompare(b, 'en')),
  ]);
  writeFileSync(file, `${JSON.stringify(lockfile, undefined, 2)}\n`);
}

/**
 * The platform of such a package, from its name: `@swc/core-win32-x64-msvc`. npm does not install what is for
 * another platform.
 *
 * @param {string} name
 */
function platformOf(name) {
  const match = /(?:^|[-/])(android|darwin|freebsd|linux|openharmony|win32)-([a-z0-9]+)(?:-(.*))?$/.exec(
    name,
  );
  if (!match) throw new Error(`${name}: for which platform is it? Enter it by hand.`);
  const [, os, cpu, abi = ''] = match;
  const libc = abi.startsWith('gnu') ? ['glibc'] : abi.startsWith('musl') ? ['musl'] : undefined;
  return { os: [os], cpu: [cpu], libc };
}
