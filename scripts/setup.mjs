/**
 * Makes a fresh clone ready: the right Node, the dependencies, a redis-server. What is there already is only looked at, so
 * that every script can begin with it. `--with prometheus` wants what only the tests need: Prometheus and promtool, and
 * openssl. Plain Node on purpose: it runs before anything is installed.
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

/** What has to be on the machine, and the Debian package that brings it. */
const redis = { title: 'redis-server', aptPackage: 'redis-server', programs: ['redis-server'] };
const prometheus = { title: 'Prometheus', aptPackage: 'prometheus', programs: ['prometheus', 'promtool'] };
const openssl = { title: 'openssl', aptPackage: 'openssl', programs: ['openssl'] };

checkNode();
installPackages();
const withPrometheus = process.argv.includes('--with') && process.argv.includes('prometheus');
for (const tool of withPrometheus ? [redis, prometheus, openssl] : [redis]) installTool(tool);

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

/** @param {typeof redis} tool */
function installTool({ title, aptPackage, programs }) {
  const isThere = () => programs.every((program) => findProgram(program));
  if (isThere()) return;
  const byHand = `Please install ${title} yourself, so that the PATH has ${programs.join(' and ')}.`;
  const asRoot = rightsToInstall();
  if (!findProgram('apt-get') || !asRoot) {
    giveUp(
      `${title} is missing, and there is no apt-get, or no right to use it (root, or sudo without a password). ${byHand}`,
    );
  }
  say(`Installing ${title} (apt-get install ${aptPackage}) ...`);
  const [command = '', ...args] = [...asRoot, 'sh', '-c', aptScript, 'sh', aptPackage];
  const { stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (!isThere()) giveUp(`${stdout}${stderr}\napt-get could not install ${title}. ${byHand}`);
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
