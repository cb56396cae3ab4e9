/**
 * Makes a fresh clone ready. Every npm script begins with it. When nothing is missing, it says nothing and
 * takes a twentieth of a second.
 *
 *   node scripts/setup.mjs                    the right Node, and the npm dependencies
 *   node scripts/setup.mjs --with redis       and redis-server
 *   node scripts/setup.mjs --with faketime    and redis-server, and libfaketime
 *   node scripts/setup.mjs --with postgres    and redis-server, and PostgreSQL
 *   node scripts/setup.mjs --with prometheus  and all that the tests need
 *
 * It is plain Node on purpose: it runs before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findProgram } from './find-program.mjs';
import { installedPackagesMatch } from './installed-packages.mjs';
import { noticeOf, TOOLS } from './machine-tools.mjs';
import { npmInstall } from './npm-install.mjs';

/** @typedef {import('./machine-tools.mjs').Tool} Tool */

const root = new URL('../', import.meta.url);

/**
 * Installs the Debian package `$1`, after an update of the lists if `$2` is not empty.
 *
 * Debian asks policy-rc.d whether a package may start its service, and enables the service for the next boot.
 * Neither is wanted here. A list that cannot be updated does not end the installation: the package may be had
 * without it.
 */
const aptScript = `
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod +x "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  options='-q -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Acquire::http::Timeout=30'
  if [ -n "$2" ]; then apt-get $options update; fi
  apt-get $options install -y --no-install-recommends "$1" || exit 1
  if [ -d /run/systemd/system ]; then systemctl disable "$1"; fi
`;

checkNode();
const dependencies = !installedPackagesMatch(root);
const tools = wantedTools().filter(({ isThere }) => !isThere());
if (dependencies || tools.length > 0) await install();

function checkNode() {
  const { engines } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const wanted = engines.node.replace('>=', '');
  const [major = 0, minor = 0] = wanted.split('.').map(Number);
  const [ownMajor = 0, ownMinor = 0] = process.versions.node.split('.').map(Number);
  if (ownMajor < major || (ownMajor === major && ownMinor < minor)) {
    giveUp(`Node ${wanted} or newer is needed; this is ${process.versions.node}.`);
  }
}

/** @returns {readonly Tool[]} */
function wantedTools() {
  const at = process.argv.indexOf('--with');
  if (at < 0) return [];
  const name = process.argv[at + 1] ?? '';
  return TOOLS[name] ?? giveUp(`--with takes one of ${Object.keys(TOOLS).join(', ')}, got "${name}"`);
}

async function install() {
  const asRoot = tools.length > 0 && findProgram('apt-get') ? rightsToInstall() : undefined;
  const installable = asRoot ? tools : [];
  const required = tools.filter(({ isOptional }) => !isOptional);
  if (!asRoot && required.length > 0)
    giveUp(`${noRights(required)} Please install what is missing yourself.`);
  if (dependencies || installable.length > 0) {
    console.error(noticeOf({ dependencies, tools: installable, asRoot: asRoot ?? [] }));
  }
  if (dependencies) await installDependencies();
  if (!asRoot && tools.length > 0) console.error(`WARNING: ${noRights(tools)} No test steps a clock.`);
  installable.forEach((tool, index) => installTool(tool, asRoot ?? [], index === 0));
}

/** @param {readonly Tool[]} missing */
function noRights(missing) {
  const titles = missing.map(({ title, aptPackage }) => `${title} (Debian package ${aptPackage})`).join(', ');
  return `Missing: ${titles}. There is no apt-get, or no right to use it (root, or sudo without a password).`;
}

async function installDependencies() {
  // The error level keeps one warning away: a package of Nest 12 asks for a newer Node than it needs.
  await npmInstall(runNpm, ['ci', '--include=dev', '--loglevel=error']).catch(() =>
    giveUp('npm ci failed; its own message is above.'),
  );
}

/**
 * npm says here what it does. The standard output belongs to the command that follows: `npm pack --json` is
 * read.
 *
 * @param {string} command
 * @param {string[]} args
 */
function runNpm(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, env: ownEnv(), stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('npm failed');
}

/** `npm pack --dry-run` and the like hand their options down as variables; npm ci would obey them. */
function ownEnv() {
  const handedDown = /^npm_config_(dry_run|json|silent|pack_destination|ignore_scripts|workspaces?|global)$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !handedDown.test(name)));
}

/**
 * @param {Tool} tool
 * @param {readonly string[]} asRoot
 * @param {boolean} isFirst
 */
function installTool({ title, aptPackage, isOptional, isThere }, asRoot, isFirst) {
  const [command = '', ...args] = [
    ...asRoot,
    'sh',
    '-c',
    aptScript,
    'sh',
    aptPackage,
    isFirst ? 'update' : '',
  ];
  const { stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (isThere()) return;
  const failure = `${stdout}${stderr}\napt-get could not install ${title}.`;
  if (!isOptional) giveUp(`${failure} Please install what is missing yourself.`);
  console.error(`WARNING: ${failure} No test steps a clock.`);
}

/**
 * What to put before a command that needs root; `undefined` if it cannot be had without a password.
 *
 * @returns {readonly string[] | undefined}
 */
function rightsToInstall() {
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined;
}

/**
 * @param {string} message
 * @returns {never}
 */
function giveUp(message) {
  console.error(message);
  process.exit(1);
}
