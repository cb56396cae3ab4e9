/**
 * Enters into package-lock.json the optional packages for other platforms that npm has left out (npm/cli issue 4828: it does
 * so where it had them neither installed nor at hand). `npm ci` refuses a lockfile without them. Run it after a change of
 * the dependencies; `--check` only looks.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);

/** @type {{ packages: Record<string, { optionalDependencies?: Record<string, string> } & Record<string, unknown>> }} */
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
    // In npm's own order.
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
 * Such packages are named after their platform: `@swc/core-win32-x64-msvc`. npm passes by what is not for its own.
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
