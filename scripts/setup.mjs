/**
 * Makes a fresh clone ready: the right Node, the dependencies, a redis-server. What is there already is only looked at, so
 * that every script can begin with it. `--with prometheus` wants what only the tests need: Prometheus and promtool, openssl,
 * and libfaketime; `--with faketime` the last of these alone. Plain Node on purpose: it runs before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findLibfaketime, findTcmalloc } from './find-faketime.mjs';
import { findProgram } from './find-program.mjs';
import { installedPackagesMatch } from './installed-packages.mjs';

const root = new URL('../', import.meta.url);

/**
 * Debian asks policy-rc.d whether a package may start its service, and enables the service for the next boot: neither is
 * wanted, the tests start processes of their own. A list that cannot be updated is no reason to stop; if the package cannot
 * be had without it, its installation says so.
 */
const aptScript = `
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod +x "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  options='-q -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3'
  apt-get $options update
  apt-get $options install -y --no-install-recommends "$1" || exit 1
  if [ -d /run/systemd/system ]; then systemctl disable "$1"; fi
`;

/**
 * What has to be on the machine, and the Debian package that brings it.
 *
 * @typedef {{ title: string, aptPackage: string, what: string, isThere: () => boolean }} Tool
 */

/** @type {(title: string, ...programs: string[]) => Tool} */
const programsOf = (title, ...programs) => ({
  title,
  aptPackage: title.toLowerCase(),
  what: `so that the PATH has ${programs.join(' and ')}`,
  isThere: () => programs.every((program) => findProgram(program)),
});

const redis = programsOf('redis-server', 'redis-server');
const forTests = [programsOf('Prometheus', 'prometheus', 'promtool'), programsOf('openssl', 'openssl')];
/** @type {Tool[]} */
const forClockSteps = [
  {
    title: 'libfaketime',
    aptPackage: 'faketime',
    what: 'where Debian has it',
    isThere: () => findLibfaketime() !== undefined,
  },
  {
    title: 'libtcmalloc_minimal',
    aptPackage: 'libtcmalloc-minimal4',
    what: 'where Debian has it',
    isThere: () => findTcmalloc() !== undefined,
  },
];

checkNode();
installPackages();
const extras = process.argv.includes('--with') ? process.argv : [];
for (const tool of extras.includes('prometheus') ? [redis, ...forTests] : [redis]) {
  const failure = installTool(tool);
  if (failure !== undefined) giveUp(failure);
}
for (const tool of extras.includes('prometheus') || extras.includes('faketime') ? forClockSteps : []) {
  const failure = installTool(tool);
  if (failure !== undefined) say(`WARNING: no clocks are stepped, for want of a library. ${failure}`);
}

function checkNode() {
  const { engines } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const wanted = engines.node.replace('>=', '');
  const [major = 0, minor = 0] = wanted.split('.').map(Number);
  const [ownMajor = 0, ownMinor = 0] = process.versions.node.split('.').map(Number);
  if (ownMajor < major || (ownMajor === major && ownMinor < minor)) {
    giveUp(`Node ${wanted} or newer is needed; this is ${process.versions.node}.`);
  }
}

function installPackages() {
  if (installedPackagesMatch(root)) return;
  say('Installing the dependencies (npm ci) ...');
  // The error level keeps one warning away: a package of Nest 12 asks for a newer Node than it needs.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) giveUp('npm ci failed; its own words are above.');
}

/**
 * Sees to it that the tool is there; says why where it cannot be.
 *
 * @param {Tool} tool
 * @returns {string | undefined}
 */
function installTool({ title, aptPackage, what, isThere }) {
  if (isThere()) return undefined;
  const byHand = `Please install ${title} yourself, ${what}.`;
  const asRoot = rightsToInstall();
  if (!findProgram('apt-get') || !asRoot) {
    return `${title} is missing, and there is no apt-get, or no right to use it (root, or sudo without a password). ${byHand}`;
  }
  say(`Installing ${title} (apt-get install ${aptPackage}) ...`);
  const [command = '', ...args] = [...asRoot, 'sh', '-c', aptScript, 'sh', aptPackage];
  const { stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return isThere() ? undefined : `${stdout}${stderr}\napt-get could not install ${title}. ${byHand}`;
}

/** What to put before a command that needs root; `undefined` where there is no way without a question. */
function rightsToInstall() {
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined;
}

function say(/** @type {string} */ message) {
  console.error(message);
}

/** @returns {never} */
function giveUp(/** @type {string} */ message) {
  console.error(message);
  process.exit(1);
}
