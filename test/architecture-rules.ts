import { posix } from 'node:path';
import { parseSync } from '@swc/core';

/** A file of the source, or one made up to see whether a rule finds its fault. */
export interface SourceFile {
  /** From the root of the project, with slashes: `src/core/vote.ts`. */
  readonly path: string;
  readonly text: string;
}

/** Says in a line each what is wrong; nothing where all is well. */
export type Rule = (files: readonly SourceFile[]) => string[];

interface SyntaxNode {
  readonly type?: string;
  readonly [key: string]: unknown;
}

interface Import {
  /** `undefined` where it is computed and cannot be read. */
  readonly specifier: string | undefined;
  readonly typesOnly: boolean;
}

const treeOf = ({ path, text }: SourceFile): SyntaxNode => {
  try {
    const tree: unknown = parseSync(text, { syntax: 'typescript', decorators: true, target: 'es2022' });
    return tree as SyntaxNode;
  } catch (error) {
    throw new Error(`${path} cannot be parsed`, { cause: error });
  }
};

const isNode = (value: unknown): value is SyntaxNode => typeof value === 'object' && value !== null;

/** Visits a tree from the top; where `visit` answers false it does not go deeper. */
function walk(node: unknown, visit: (node: SyntaxNode) => boolean | void): void {
  if (Array.isArray(node)) return node.forEach((child) => walk(child, visit));
  if (!isNode(node) || visit(node) === false) return;
  for (const child of Object.values(node)) if (isNode(child)) walk(child, visit);
}

const literal = (node: unknown): string | undefined =>
  isNode(node) && node.type === 'StringLiteral' ? String(node['value']) : undefined;

const identifier = (node: unknown): string | undefined =>
  isNode(node) && node.type === 'Identifier' ? String(node['value']) : undefined;

/** All that a file takes from elsewhere: import and export-from, import(), require() and import types. */
function importsOf(file: SourceFile): Import[] {
  const imports: Import[] = [];
  walk(treeOf(file), (node) => {
    if (/^(Import|Export\w*)Declaration$/.test(node.type ?? '') && isNode(node['source'])) {
      const specifiers = (node['specifiers'] ?? []) as SyntaxNode[];
      const typesOnly =
        node['typeOnly'] === true ||
        (specifiers.length > 0 && specifiers.every((specifier) => specifier['isTypeOnly'] === true));
      imports.push({ specifier: literal(node['source']), typesOnly });
    } else if (node.type === 'CallExpression') {
      const callee = node['callee'] as SyntaxNode;
      if (callee.type !== 'Import' && identifier(callee) !== 'require') return;
      const [argument] = node['arguments'] as { expression: unknown }[];
      imports.push({ specifier: literal(argument?.expression), typesOnly: false });
    } else if (node.type === 'TsImportType') {
      imports.push({ specifier: literal(node['argument']), typesOnly: true });
    } else if (node.type === 'TsExternalModuleReference') {
      imports.push({ specifier: literal(node['expression']), typesOnly: false });
    }
  });
  return imports;
}

const isRelative = (specifier: string): boolean => /^\.\.?\//.test(specifier);

/** The path of the source file that a relative import means. */
const targetOf = (from: SourceFile, specifier: string): string =>
  posix.join(posix.dirname(from.path), specifier).replace(/\.js$/, '.ts');

const SKINS = ['nestjs', 'prometheus', 'cron', 'node-cron', 'redlock'] as const;

/** Which rings a ring may import from; every ring may import from itself. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  clock: [],
  node: ['core', 'clock'],
  api: ['core', 'clock', 'node'],
  lock: ['core', 'clock', 'node', 'api'],
  index: ['core', 'clock', 'node', 'api', 'lock'],
  testing: ['clock', 'node', 'index'],
  ...Object.fromEntries(SKINS.map((skin) => [skin, ['index']])),
};

/** The same for imports of types only. */
const TYPE_ARROWS: Readonly<Record<string, readonly string[]>> = {
  clock: ['core'],
  testing: ['core', 'api', 'lock'],
};

/**
 * `src/lock/lease/held-lease.ts` stands in the ring `lock`, `src/index.ts` is a ring of its own, and the
 * timers of the clock belong to it.
 */
const ringOf = (path: string): string | undefined => {
  if (path === 'src/spare-timers.ts') return 'clock';
  const ring = /^src\/(?:([\w-]+)\/.+|(index|clock))\.(?:ts|cjs)$/.exec(path)?.slice(1).find(Boolean);
  return ring !== undefined && ring in ARROWS ? ring : undefined;
};

/**
 * core <- node <- api <- lock <- index <- skins. clock.ts stands beside node, with nothing but types of core;
 * testing above the index, like a skin, with nodes, the clock and types besides.
 */
export const arrowsPointInwards: Rule = (files) => {
  const paths = new Set(files.map((file) => file.path));
  return files.flatMap((file) => {
    const from = ringOf(file.path);
    if (from === undefined) return [`${file.path} stands in no ring`];
    return importsOf(file).flatMap(({ specifier, typesOnly }) => {
      if (specifier === undefined) return [`${file.path} imports a computed path`];
      if (/^(\/|#|quorlock(\/|$))/.test(specifier))
        return [`${file.path} imports ${specifier}: not a relative path`];
      if (!isRelative(specifier)) return [];
      const target = targetOf(file, specifier);
      if (!paths.has(target)) return [`${file.path} imports ${specifier}, which is not there`];
      const to = ringOf(target);
      const allowed =
        to === from ||
        ARROWS[from]!.includes(to ?? '') ||
        (typesOnly && TYPE_ARROWS[from]?.includes(to ?? '') === true);
      return allowed ? [] : [`${file.path} imports ${target}: ${from} must not know ${to}`];
    });
  });
};

/** What is imported in the files, from one source file to another. */
export const arrowsIn = (files: readonly SourceFile[]): { readonly from: string; readonly to: string }[] =>
  files.flatMap((file) =>
    importsOf(file).flatMap(({ specifier }) =>
      specifier !== undefined && isRelative(specifier)
        ? [{ from: file.path, to: targetOf(file, specifier) }]
        : [],
    ),
  );

/**
 * The rooms of a ring, from the bottom up: each is a folder, or a file beside the folders, with the rooms
 * that it may import from. All of these stand above it in the list, so there is no circle.
 */
type Rooms = Readonly<Record<string, readonly string[]>>;

/** The port to a node, and what goes through it. */
const PORT = ['lock-node.ts', 'node-state.ts', 'node-memory.ts', 'node-request.ts'];

export const ROOMS: Readonly<Record<string, Rooms>> = {
  'src/lock/': {
    validation: [],
    quorum: [],
    nodes: [],
    acquire: ['quorum'],
    lease: ['validation', 'quorum', 'acquire'],
    election: ['validation', 'lease'],
    fallback: ['quorum', 'acquire', 'lease'],
    runs: ['validation', 'lease'],
    stall: ['quorum', 'nodes', 'lease'],
    waiting: ['quorum', 'acquire', 'lease'],
    'lease-registry.ts': ['acquire', 'fallback', 'lease', 'waiting'],
    'running-attempts.ts': ['quorum', 'acquire', 'lease', 'fallback', 'waiting', 'lease-registry.ts'],
    'acquirer.ts': [
      'quorum',
      'acquire',
      'lease',
      'fallback',
      'waiting',
      'lease-registry.ts',
      'running-attempts.ts',
    ],
    'force-release.ts': ['validation', 'quorum'],
    'manager-parts.ts': [
      'validation',
      'quorum',
      'nodes',
      'lease',
      'fallback',
      'election',
      'runs',
      'stall',
      'acquirer.ts',
    ],
    'lock-manager.ts': ['validation', 'lease', 'runs', 'manager-parts.ts', 'force-release.ts'],
  },
  'src/node/': {
    'node-state.ts': [],
    'node-memory.ts': [],
    'node-request.ts': [],
    'lock-node.ts': ['node-state.ts', 'node-memory.ts', 'node-request.ts'],
    'reserved-names.ts': [],
    'node-options.ts': ['lock-node.ts'],
    'observable-state.ts': ['node-state.ts'],
    'vote-rules.ts': PORT,
    contract: PORT,
    'index.ts': [...PORT, 'observable-state.ts', 'vote-rules.ts', 'contract'],
    memory: [...PORT, 'reserved-names.ts', 'observable-state.ts', 'vote-rules.ts'],
    server: [...PORT, 'node-options.ts', 'observable-state.ts'],
    redis: [...PORT, 'reserved-names.ts', 'node-options.ts', 'observable-state.ts', 'server'],
    postgres: [...PORT, 'node-options.ts', 'server'],
    'open-node.ts': ['lock-node.ts', 'node-options.ts', 'memory', 'redis', 'postgres'],
  },
  'src/node/postgres/': {
    sql: [],
    'postgres-errors.ts': ['sql'],
    'connections.ts': ['postgres-errors.ts'],
    'requests.ts': [],
    'replies.ts': ['sql'],
    'server-facts.ts': [],
    'postgres-place.ts': [],
    'server-watch.ts': ['sql', 'postgres-errors.ts', 'connections.ts', 'postgres-place.ts'],
    'postgres-listener.ts': ['sql', 'connections.ts'],
    'postgres-server.ts': [
      'sql',
      'postgres-errors.ts',
      'connections.ts',
      'requests.ts',
      'replies.ts',
      'server-facts.ts',
      'postgres-place.ts',
      'server-watch.ts',
    ],
    'postgres-node.ts': ['postgres-place.ts', 'postgres-listener.ts', 'postgres-server.ts'],
    'read-postgres.ts': ['sql', 'connections.ts', 'postgres-place.ts', 'postgres-node.ts'],
  },
  'src/node/redis/': {
    protocol: [],
    connection: ['protocol'],
    server: ['protocol', 'connection'],
    'release-listener.ts': ['connection'],
    'redis-node.ts': ['protocol', 'connection', 'server', 'release-listener.ts'],
    cluster: ['protocol', 'connection', 'server', 'release-listener.ts', 'redis-node.ts'],
    'read-redis.ts': ['protocol', 'connection', 'redis-node.ts', 'cluster'],
  },
};

/** The room of a file; `undefined` if it is not in this folder. */
const roomOf = (folder: string, path: string): string | undefined =>
  path.startsWith(folder) ? path.slice(folder.length).split('/')[0] : undefined;

/** Which folder may import from which: see ROOMS. Types count, as they do for the rings. */
export const roomsImportWhatIsBelow: Rule = (files) =>
  Object.entries(ROOMS).flatMap(([folder, rooms]) => {
    const unknown = files
      .filter(({ path }) => /\.(?:ts|cjs)$/.test(path))
      .map(({ path }) => ({ path, room: roomOf(folder, path) }))
      .filter(({ room }) => room !== undefined && !(room in rooms))
      .map(({ path }) => `${path} is in no room of ${folder}`);
    const forbidden = arrowsIn(files).flatMap(({ from, to }) => {
      const [room, target] = [roomOf(folder, from), roomOf(folder, to)];
      if (room === undefined || target === undefined || room === target) return [];
      if (rooms[room] === undefined || rooms[room].includes(target)) return [];
      return [`${from} imports ${to}: ${room} must not know ${target}`];
    });
    return [...unknown, ...forbidden];
  });

/**
 * A kind of node is a folder below src/node. Nobody outside of it knows it but node/open-node.ts, so that
 * another kind is a folder and a line there. The contract suite is a folder as well, known to node/index.ts
 * only. What servers share as voters is no kind: all kinds may know it.
 */
export const kindsOfNodesAreKnownToOne: Rule = (files) =>
  arrowsIn(files).flatMap(({ from, to }) => {
    const folder = /^src\/node\/\w+\//.exec(to)?.[0];
    if (folder === undefined || from.startsWith(folder)) return [];
    if (folder === 'src/node/server/' && from.startsWith('src/node/')) return [];
    const allowed = folder === 'src/node/contract/' ? 'src/node/index.ts' : 'src/node/open-node.ts';
    return from === allowed ? [] : [`${from} imports ${to}: only ${allowed} may know ${folder}`];
  });

/** The entry points of quorlock/node and quorlock/testing are for users: with the first comes node:assert. */
export const entryPointsAreNotImported: Rule = (files) =>
  arrowsIn(files)
    .filter(({ to }) => to === 'src/node/index.ts' || to === 'src/testing/index.ts')
    .map(({ from, to }) => `${from} imports ${to}, which is an entry point`);

/** redlock's users have ioredis: its types stand in their own. */
const IOREDIS_TYPES = 'src/redlock/execution.ts';

/**
 * The packages of client libraries, and the one file through which each enters; the others enter by clients.
 */
const CLIENT_LIBRARIES: readonly (readonly [RegExp, string | undefined])[] = [
  [/^(ioredis|iovalkey)(\/|$)/, 'src/node/redis/connection/ioredis.ts'],
  [/^(redis|@redis\/.*|@valkey\/valkey-glide)$/, undefined],
];

/** Another client library is another file beside these. */
export const clientLibrariesHaveOneFile: Rule = (files) =>
  files.flatMap((file) =>
    importsOf(file)
      .filter(({ specifier = '', typesOnly }) =>
        CLIENT_LIBRARIES.some(
          ([library, place]) =>
            library.test(specifier) &&
            file.path !== place &&
            !(typesOnly && specifier === 'ioredis' && file.path === IOREDIS_TYPES),
        ),
      )
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  );

const IMPURE = new Set([
  'Date',
  'performance',
  'process',
  'crypto',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'Promise',
  'AbortController',
  'AbortSignal',
  'EventTarget',
  'console',
  'fetch',
  'globalThis',
  'global',
]);

function impuritiesOf(file: SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: SyntaxNode): boolean => {
    if (node['async'] === true) found.push('async');
    if (node.type === 'AwaitExpression' || node['await'] === true) found.push('await');
    const name = identifier(node);
    if (name !== undefined && IMPURE.has(name)) found.push(name);
    if (name === 'Math') found.push('Math as a value');
    if (node.type === 'MemberExpression') {
      const property = node['property'] as SyntaxNode;
      const computed = property.type === 'Computed';
      if (identifier(node['object']) === 'Math') {
        const member = computed ? literal(property['expression']) : identifier(property);
        if (member === undefined || member === 'random') found.push(`Math.${member ?? '[…]'}`);
      } else {
        walk(node['object'], visit);
      }
      if (computed) walk(property, visit);
      return false;
    }
    // A key is a name of the file's own, unless it is computed.
    if (identifier(node['key']) !== undefined) {
      for (const [part, child] of Object.entries(node)) if (part !== 'key') walk(child, visit);
      return false;
    }
    return true;
  };
  walk(treeOf(file), visit);
  return found;
}

/**
 * core is a function of its arguments: no clock, no chance, no timers, nothing asynchronous, nothing from
 * outside.
 */
export const coreIsPure: Rule = (files) =>
  files
    .filter((file) => ringOf(file.path) === 'core')
    .flatMap((file) => [
      ...impuritiesOf(file).map((what) => `${file.path} uses ${what}`),
      ...importsOf(file)
        .filter(({ specifier }) => specifier !== undefined && !isRelative(specifier))
        .map(({ specifier }) => `${file.path} imports ${specifier}`),
    ]);

/** Types count: two files that know each other's types are one thing in two places. */
export const noCycles: Rule = (files) => {
  const targets = new Map(
    files.map((file) => [
      file.path,
      importsOf(file).flatMap(({ specifier }) =>
        specifier !== undefined && isRelative(specifier) ? [targetOf(file, specifier)] : [],
      ),
    ]),
  );
  const cycles: string[] = [];
  const done = new Set<string>();
  const follow = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push([...trail.slice(start), path].join(' -> '));
    if (start >= 0 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) follow(target, [...trail, path]);
    done.add(path);
  };
  for (const path of targets.keys()) follow(path, []);
  return cycles;
};

const find = (
  files: readonly SourceFile[],
  what: string,
  matches: (node: SyntaxNode, file: SourceFile) => boolean,
): string[] =>
  files.flatMap((file) => {
    let found = false;
    walk(treeOf(file), (node) => {
      found ||= matches(node, file);
    });
    return found ? [`${file.path} ${what}`] : [];
  });

/** The one file with a default export, for the import line of redlock's users. It re-exports a class. */
const DEFAULT_EXPORT = 'src/redlock/index.ts';

/** A name that is given once is found everywhere. */
export const namedExportsOnly: Rule = (files) =>
  find(files, 'has a default export', (node, { path }) => {
    if (node.type === 'ExportSpecifier') {
      if (path === DEFAULT_EXPORT) return false;
      const exported = (node['exported'] ?? node['orig']) as SyntaxNode;
      return exported['value'] === 'default';
    }
    return ['ExportDefaultDeclaration', 'ExportDefaultExpression', 'TsExportAssignment'].includes(
      node.type ?? '',
    );
  });

export const noAny: Rule = (files) =>
  find(files, 'uses any', (node) => node.type === 'TsKeywordType' && node['kind'] === 'any');
