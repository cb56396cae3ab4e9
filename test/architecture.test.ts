import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import {
  arrowsPointInwards,
  coreIsPure,
  entryPointsAreNotImported,
  clientLibrariesHaveOneFile,
  kindsOfNodesAreKnownToOne,
  namedExportsOnly,
  noAny,
  noCycles,
  ROOMS,
  roomsImportWhatIsBelow,
  type Rule,
  type SourceFile,
} from './architecture-rules.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const sources: SourceFile[] = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.[cm]?[jt]sx?$/.test(name))
  .map((name) => ({
    path: `src/${name.replaceAll(sep, '/')}`,
    text: readFileSync(join(ROOT, 'src', name), 'utf8'),
  }));

describe('the source', () => {
  it('is all there: the rules below look at something', () => {
    const folders = new Set(sources.map((file) => file.path.split('/')[1]));
    expect([...folders]).toEqual(expect.arrayContaining(['core', 'node', 'api', 'lock', 'clock.ts']));
  });

  it.each<[string, Rule]>([
    ['has arrows that point inwards only: core <- node <- api <- lock <- index <- skins', arrowsPointInwards],
    [
      'has a pure core: no clock, no chance, no timers, nothing asynchronous, nothing from outside',
      coreIsPure,
    ],
    ['has folders that import only what is below them', roomsImportWhatIsBelow],
    ['has one file that knows the kinds of nodes: lock/ imports none', kindsOfNodesAreKnownToOne],
    ['has entry points that no file of its own imports', entryPointsAreNotImported],
    ['has one place for each client library', clientLibrariesHaveOneFile],
    ['has no import cycles, not even of types', noCycles],
    ['has no default exports', namedExportsOnly],
    ['has no any', noAny],
  ])('%s', (_claim, rule) => {
    expect(rule(sources)).toEqual([]);
  });
});

/** A made-up source by path; the files that imports point to are there as well, and empty. */
const madeUp = (files: Record<string, string>): SourceFile[] =>
  Object.entries({
    'src/clock.ts': '',
    'src/index.ts': '',
    'src/core/vote.ts': '',
    'src/node/lock-node.ts': '',
    'src/lock/acquirer.ts': '',
    'src/nestjs/index.ts': '',
    'src/prometheus/index.ts': '',
    'src/testing/index.ts': '',
    'src/node/index.ts': '',
    'src/node/open-node.ts': '',
    ...files,
  }).map(([path, text]) => ({ path, text }));

const complaintsOf = (rule: Rule, path: string, text: string): number =>
  rule(madeUp({ [path]: text })).length;

describe('the rule on arrows', () => {
  it.each([
    ['core must not import node', 'src/core/a.ts', `import { x } from '../node/lock-node.js';`],
    ['core must not import the clock', 'src/core/a.ts', `import type { Clock } from '../clock.js';`],
    ['node must not import lock', 'src/node/a.ts', `import { x } from '../lock/acquirer.js';`],
    [
      'node must not import lock, not even types',
      'src/node/redis/a.ts',
      `import type { X } from '../../lock/acquirer.js';`,
    ],
    ['lock must not import the index', 'src/lock/a.ts', `import { x } from '../index.js';`],
    ['lock must not import a skin', 'src/lock/a.ts', `import { x } from '../nestjs/index.js';`],
    ['the index must not import a skin', 'src/index.ts', `export * from './prometheus/index.js';`],
    ['the clock must not import values of core', 'src/clock.ts', `import { x } from './core/vote.js';`],
    [
      'the clock must not import values beside types',
      'src/clock.ts',
      `import { type X, y } from './core/vote.js';`,
    ],
    [
      'the clock must not import types of node',
      'src/clock.ts',
      `import type { X } from './node/lock-node.js';`,
    ],
    ['a skin must not import lock', 'src/nestjs/a.ts', `import { x } from '../lock/acquirer.js';`],
    [
      'a skin must not import core, not even types',
      'src/nestjs/a.ts',
      `import type { X } from '../core/vote.js';`,
    ],
    ['a skin must not import the clock', 'src/prometheus/a.ts', `import { x } from '../clock.js';`],
    ['a skin must not import another skin', 'src/nestjs/a.ts', `import { x } from '../prometheus/index.js';`],
    [
      'testing must not import values of lock',
      'src/testing/a.ts',
      `import { x } from '../lock/acquirer.js';`,
    ],
    ['testing must not import values of core', 'src/testing/a.ts', `import { x } from '../core/vote.js';`],
    ['testing must not import a skin', 'src/testing/a.ts', `import { x } from '../nestjs/index.js';`],
    ['a skin must not import testing', 'src/nestjs/a.ts', `import { x } from '../testing/index.js';`],
    ['export from is an import', 'src/core/a.ts', `export { x } from '../node/lock-node.js';`],
    ['export * from is an import', 'src/core/a.ts', `export * from '../node/lock-node.js';`],
    ['an import for its effects is an import', 'src/core/a.ts', `import '../node/lock-node.js';`],
    ['import() is an import', 'src/core/a.ts', `export const x = () => import('../node/lock-node.js');`],
    ['require() is an import', 'src/core/a.ts', `const x = require('../node/lock-node.js');`],
    ['an import type is an import', 'src/core/a.ts', `export type X = import('../node/lock-node.js').X;`],
    ['import = require() is an import', 'src/core/a.ts', `import x = require('../node/lock-node.js');`],
    ['a detour does not help', 'src/core/a.ts', `import { x } from '../core/../node/lock-node.js';`],
    [
      'an import over several lines is found',
      'src/core/a.ts',
      `import {\n  x,\n} from\n  '../node/lock-node.js';`,
    ],
    ['a computed path cannot be judged', 'src/lock/a.ts', 'export const x = (name: string) => import(name);'],
    ['a file that is not there', 'src/lock/a.ts', `import { x } from './no-such-file.js';`],
    ['a path without .js, which Node does not find', 'src/lock/a.ts', `import { x } from './acquirer';`],
    ['the package by its own name', 'src/nestjs/a.ts', `import { x } from 'quorlock';`],
    [
      'the package by its own name and a subpath',
      'src/nestjs/a.ts',
      `import { x } from 'quorlock/prometheus';`,
    ],
    ['a folder that no ring is planned for', 'src/utils/a.ts', ''],
    ['a file beside the index', 'src/helpers.ts', ''],
  ])('finds: %s', (_claim, path, text) => {
    expect(complaintsOf(arrowsPointInwards, path, text)).toBe(1);
  });

  it.each([
    ['core imports core', 'src/core/a.ts', `import { x } from './vote.js';`],
    ['the clock imports types of core', 'src/clock.ts', `import type { X } from './core/vote.js';`],
    [
      'the clock imports types of core, said by each',
      'src/clock.ts',
      `import { type X } from './core/vote.js';`,
    ],
    [
      'node imports core and the clock',
      'src/node/redis/a.ts',
      `import '../../core/vote.js'; import '../../clock.js';`,
    ],
    [
      'testing imports the index, the clock and nodes',
      'src/testing/a.ts',
      `import '../index.js'; import '../clock.js'; import '../node/lock-node.js';`,
    ],
    [
      'testing imports types of core and lock',
      'src/testing/a.ts',
      `import type { X } from '../core/vote.js'; export type { Y } from '../lock/acquirer.js';`,
    ],
    ['lock imports node', 'src/lock/a.ts', `import { x } from '../node/lock-node.js';`],
    ['the index imports lock', 'src/index.ts', `export { x } from './lock/acquirer.js';`],
    ['a skin imports the index', 'src/prometheus/a.ts', `import { x } from '../index.js';`],
    [
      'a skin imports the index from a folder of its own',
      'src/nestjs/http/a.ts',
      `import { x } from '../../index.js';`,
    ],
    ['a skin imports its own files', 'src/nestjs/a.ts', `import { x } from './index.js';`],
    ['a skin imports its library', 'src/prometheus/a.ts', `import { Counter } from 'prom-client';`],
    ['an import in a comment', 'src/core/a.ts', `// import { x } from '../node/lock-node.js';`],
    ['an import in a string', 'src/core/a.ts', 'export const x = `import "../node/lock-node.js"`;'],
  ])('lets pass: %s', (_claim, path, text) => {
    expect(complaintsOf(arrowsPointInwards, path, text)).toBe(0);
  });
});

describe('the rule on rooms', () => {
  it.each(Object.entries(ROOMS))('lists the rooms of %s from the bottom up', (_folder, rooms) => {
    const seen = new Set<string>();
    for (const [room, below] of Object.entries(rooms)) {
      expect(below.filter((one) => !seen.has(one))).toEqual([]);
      seen.add(room);
    }
  });

  it.each([
    ['lease must not know stall', 'src/lock/lease/a.ts', `import type { X } from '../stall/stall-guard.js';`],
    ['quorum must not know acquire', 'src/lock/quorum/a.ts', `import { x } from '../acquire/attempt.js';`],
    ['a folder must not know the files above it', 'src/lock/waiting/a.ts', `import '../acquirer.js';`],
    ['the port must not know a kind', 'src/node/lock-node.ts', `import './memory/memory-node.js';`],
    ['protocol must not know a connection', 'src/node/redis/protocol/a.ts', `import '../connection/x.js';`],
    ['a folder that is in no list', 'src/lock/utils/a.ts', ''],
    ['a file that is in no list', 'src/lock/helpers.ts', ''],
  ])('finds: %s', (_claim, path, text) => {
    expect(complaintsOf(roomsImportWhatIsBelow, path, text)).toBe(1);
  });

  it.each([
    ['waiting imports lease', 'src/lock/waiting/a.ts', `import '../lease/held-keys.js';`],
    ['a room imports its own files', 'src/lock/lease/a.ts', `import './held-keys.js';`],
    ['a room imports another ring', 'src/lock/quorum/a.ts', `import '../../core/vote.js';`],
    ['cluster imports the node of a shard', 'src/node/redis/cluster/a.ts', `import '../redis-node.js';`],
  ])('lets pass: %s', (_claim, path, text) => {
    expect(complaintsOf(roomsImportWhatIsBelow, path, text)).toBe(0);
  });
});

describe('the rule on the pure core', () => {
  it.each([
    'export const x = Date.now();',
    'export const x = new Date(0);',
    'export const x = Math.random();',
    `export const x = Math['random']();`,
    'export const x = (name: "random") => Math[name]();',
    'export const { random } = Math;',
    'export const x = performance.now();',
    'export const x = process.hrtime();',
    'export const x = process["env"];',
    'export const x = crypto.randomUUID();',
    'setTimeout(() => 0, 1);',
    'setInterval(() => 0, 1);',
    'setImmediate(() => 0);',
    'queueMicrotask(() => 0);',
    'export const x = { later: setTimeout };',
    'export const x = { setTimeout };',
    'export const x = globalThis["Date"];',
    'export async function x() {}',
    'export const x = async () => 0;',
    'export class X { async x() {} }',
    'export const x = { async x() {} };',
    'export async function* x() {}',
    'await x;',
    'for await (const x of y) z(x);',
    'export const x = Promise.resolve();',
    'export let x: Promise<void>;',
    'console.log(1);',
    'export const x = fetch("http://localhost");',
    'export class X { readonly #signal = new AbortController(); }',
    `import { randomBytes } from 'node:crypto';`,
    `import type { Socket } from 'node:net';`,
    `import ms from 'ms';`,
    `export const x = require('ms');`,
  ])('finds: %s', (text) => {
    expect(complaintsOf(coreIsPure, 'src/core/a.ts', text)).toBeGreaterThan(0);
  });

  it.each([
    'export const x = Math.floor(Math.max(1, 2));',
    'export const x = (random: number) => random;',
    'export interface X { readonly process: string; Date: number }',
    'export const x = { Date: 1, console: 2 };',
    'export const x = (y: { performance: number }) => y.performance;',
    '/** Not Date.now(), and no Promise. */ export const x = "setTimeout";',
    `import { x } from './vote.js';`,
  ])('lets pass: %s', (text) => {
    expect(coreIsPure(madeUp({ 'src/core/a.ts': text }))).toEqual([]);
  });

  it('is about core and nothing else', () => {
    expect(complaintsOf(coreIsPure, 'src/lock/a.ts', `import 'node:fs'; export const x = Date.now();`)).toBe(
      0,
    );
  });
});

describe('the rule on kinds of nodes', () => {
  const kind = { 'src/node/redis/redis-node.ts': '', 'src/node/contract/contract.ts': '' };
  const complaintsAbout = (path: string, text: string): number =>
    kindsOfNodesAreKnownToOne(madeUp({ ...kind, [path]: text })).length;

  it.each([
    ['src/lock/a.ts', `import { x } from '../node/redis/redis-node.js';`],
    ['src/lock/nodes/a.ts', `import type { X } from '../../node/redis/redis-node.js';`],
    ['src/index.ts', `export { x } from './node/redis/redis-node.js';`],
    ['src/node/node-options.ts', `import type { X } from './redis/redis-node.js';`],
    ['src/node/memory/a.ts', `import type { X } from '../redis/redis-node.js';`],
    ['src/node/open-node.ts', `export { x } from './contract/contract.js';`],
  ])('finds an import of a kind in %s', (path, text) => {
    expect(complaintsAbout(path, text)).toBe(1);
  });

  it.each([
    ['src/node/open-node.ts', `import { x } from './redis/redis-node.js';`],
    ['src/node/redis/cluster/a.ts', `import { x } from '../redis-node.js';`],
    ['src/node/index.ts', `export { x } from './contract/contract.js';`],
    ['src/lock/a.ts', `import { x } from '../node/open-node.js';`],
  ])('lets an import pass in %s', (path, text) => {
    expect(complaintsAbout(path, text)).toBe(0);
  });
});

describe('the rule on entry points', () => {
  it('finds a file that imports one', () => {
    const text = `import { x } from '../node/index.js'; import { y } from '../testing/index.js';`;
    expect(complaintsOf(entryPointsAreNotImported, 'src/lock/a.ts', text)).toBe(2);
    expect(complaintsOf(entryPointsAreNotImported, 'src/nestjs/a.ts', `import '../index.js';`)).toBe(0);
  });
});

describe('the rule on client libraries', () => {
  it('finds it in another file than its own', () => {
    const text = `import type { Redis } from 'ioredis';`;
    const path = 'src/node/redis/connection/endpoint.ts';
    expect(complaintsOf(clientLibrariesHaveOneFile, path, text)).toBe(1);
    expect(complaintsOf(clientLibrariesHaveOneFile, path.replace('endpoint', 'ioredis'), text)).toBe(0);
    expect(complaintsOf(clientLibrariesHaveOneFile, path, `await import('iovalkey');`)).toBe(1);
    expect(complaintsOf(clientLibrariesHaveOneFile, path, `import { createClient } from 'redis';`)).toBe(1);
  });
});

describe('the rule on cycles', () => {
  const cyclesIn = (files: Record<string, string>): string[] => noCycles(madeUp(files));

  it('finds two files that import each other', () => {
    const cycles = cyclesIn({ 'src/core/a.ts': `import './b.js';`, 'src/core/b.ts': `import './a.js';` });
    expect(cycles).toEqual(['src/core/a.ts -> src/core/b.ts -> src/core/a.ts']);
  });

  it('finds a longer way round, through types, export-from and import()', () => {
    const cycles = cyclesIn({
      'src/lock/a.ts': `import type { B } from './b.js';`,
      'src/lock/b.ts': `export * from '../lock/c.js';`,
      'src/lock/c.ts': `export const x = () => import('./a.js');`,
    });
    expect(cycles).toHaveLength(1);
  });

  it('finds a cycle that does not contain the file where the search began', () => {
    const cycles = cyclesIn({
      'src/core/a.ts': `import './b.js';`,
      'src/core/b.ts': `import './c.js';`,
      'src/core/c.ts': `import './b.js';`,
    });
    expect(cycles).toEqual(['src/core/b.ts -> src/core/c.ts -> src/core/b.ts']);
  });

  it('finds a file that imports itself', () => {
    expect(cyclesIn({ 'src/core/a.ts': `import './a.js';` })).toHaveLength(1);
  });

  it('lets pass two ways to the same file', () => {
    const cycles = cyclesIn({
      'src/core/a.ts': `import './b.js'; import './c.js';`,
      'src/core/b.ts': `import './d.js';`,
      'src/core/c.ts': `import './d.js';`,
      'src/core/d.ts': '',
    });
    expect(cycles).toEqual([]);
  });
});

describe('the rule on default exports', () => {
  it.each([
    'export default 1;',
    'export default function x() {}',
    'export default class {}',
    'const x = 1; export { x as default };',
    'const x = 1; export { x as "default" };',
    `export { default } from './vote.js';`,
    `export { x as default } from './vote.js';`,
    'const x = 1; export = x;',
  ])('finds: %s', (text) => {
    expect(complaintsOf(namedExportsOnly, 'src/core/a.ts', text)).toBe(1);
  });

  it.each([
    'export const x = 1;',
    `export { default as x } from 'ms';`,
    `import x from 'ms';`,
    'switch (1) { default: break; }',
  ])('lets pass: %s', (text) => {
    expect(complaintsOf(namedExportsOnly, 'src/core/a.ts', text)).toBe(0);
  });
});

describe('the exception from the rule on default exports', () => {
  it.each([
    ['a re-export in the entry point of redlock', `export { Redlock as default } from './redlock.js';`, 0],
    ['a declaration there', 'export default class {}', 1],
  ])('%s', (_, text, complaints) => {
    expect(complaintsOf(namedExportsOnly, 'src/redlock/index.ts', text)).toBe(complaints);
  });
});

describe('the rule on any', () => {
  it.each([
    'export let x: any;',
    'export const x = y as any;',
    'export const x = <any>y;',
    'export function x(...args: any[]): void {}',
    'export type X = Record<string, any>;',
    'export class X<T = any> {}',
  ])('finds: %s', (text) => {
    expect(complaintsOf(noAny, 'src/core/a.ts', text)).toBe(1);
  });

  it.each([
    '/** any */ export const any = "any";',
    'export let x: unknown;',
    'export const x = Promise.any([]);',
  ])('lets pass: %s', (text) => {
    expect(complaintsOf(noAny, 'src/core/a.ts', text)).toBe(0);
  });
});

it('a source that cannot be parsed is named', () => {
  expect(() => noAny(madeUp({ 'src/core/a.ts': 'export const = ;' }))).toThrow(
    'src/core/a.ts cannot be parsed',
  );
});
