/** The programs and libraries that have to be on the machine, beside Node and the npm dependencies. */
import { findLibfaketime, findTcmalloc } from './find-faketime.mjs';
import { findPostgres } from './find-postgres.mjs';
import { findProgram } from './find-program.mjs';

/**
 * @typedef {object} Tool
 * @property {string} title
 * @property {string} aptPackage the Debian package that brings it
 * @property {string} purpose what the project does with it
 * @property {boolean} isOptional whether the tests run without it, with less to see
 * @property {() => boolean} isThere
 */

/** @type {(title: string, purpose: string, ...programs: string[]) => Tool} */
const programsOf = (title, purpose, ...programs) => ({
  title,
  aptPackage: title.toLowerCase(),
  purpose,
  isOptional: false,
  isThere: () => programs.every((program) => findProgram(program)),
});

/** @type {(title: string, aptPackage: string, purpose: string, find: () => unknown) => Tool} */
const libraryOf = (title, aptPackage, purpose, find) => ({
  title,
  aptPackage,
  purpose,
  isOptional: true,
  isThere: () => find() !== undefined,
});

const redis = [programsOf('redis-server', 'the nodes that tests and benchmarks start', 'redis-server')];
const faketime = [
  libraryOf('libfaketime', 'faketime', 'steps the clock of a single redis-server', findLibfaketime),
  libraryOf(
    'libtcmalloc_minimal',
    'libtcmalloc-minimal4',
    'the allocator that libfaketime needs',
    findTcmalloc,
  ),
];
const prometheus = [
  programsOf('Prometheus', 'checks the metrics, the dashboard and the alert rules', 'prometheus', 'promtool'),
  programsOf('openssl', 'makes throw-away certificates for TLS', 'openssl'),
];

/** @type {readonly Tool[]} */
const postgres = [
  {
    title: 'PostgreSQL',
    aptPackage: 'postgresql',
    purpose: 'the databases that tests start as nodes',
    isOptional: false,
    isThere: () => ['initdb', 'postgres', 'pg_basebackup'].every((program) => findPostgres(program)),
  },
];

/**
 * What `--with` asks for; each value brings redis-server too.
 *
 * @type {Readonly<Record<string, readonly Tool[]>>}
 */
export const TOOLS = {
  redis,
  faketime: [...redis, ...faketime],
  postgres: [...redis, ...postgres],
  prometheus: [...redis, ...prometheus, ...faketime, ...postgres],
};

/**
 * What is said, once and before anything else, when something is about to be installed.
 *
 * @param {{ dependencies: boolean, tools: readonly Tool[], asRoot: readonly string[] }} missing
 */
export function noticeOf({ dependencies, tools, asRoot }) {
  const lines = ['Some of what this command needs is missing. It installs now:'];
  if (dependencies) lines.push('- the npm dependencies, into node_modules (npm ci)');
  for (const { title, purpose, aptPackage } of tools) {
    lines.push(`- ${title}: ${purpose} (apt-get install ${aptPackage})`);
  }
  if (tools.length > 0) {
    const how = asRoot.length === 0 ? 'You are root' : `It runs as \`${asRoot.join(' ')}\``;
    lines.push(
      `Only apt-get needs root, because it writes to the folders of the system. ${how}.`,
      'No service is started or enabled: the tests start servers of their own and stop them.',
    );
  }
  return lines.join('\n');
}
