import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { openWorkshop, ownVersionOf, root, run, type Workshop } from './consumers.js';

// The registry may be away for some minutes. Each attempt to install ends long before.
jest.setTimeout(1_800_000);

const compiled = ['--target', 'es2022', '--strict', '--experimentalDecorators', '--emitDecoratorMetadata'];
const sources = ['--types', 'node', '--outDir', 'out', 'app.module.ts', 'main.ts'];

let workshop: Workshop;
let redis: RedisServers;

beforeAll(async () => {
  [workshop, redis] = await Promise.all([openWorkshop(), startRedis({ count: 3 })]);
});

afterAll(() => Promise.all([workshop?.remove(), redis?.stop()]));

/** Runs main.ts, and returns its last line. */
async function runApp(folder: string): Promise<unknown> {
  const sockets = JSON.stringify(redis.servers.map((server) => server.path));
  const output = await run(folder, process.execPath, ['out/main.js'], { SOCKETS: sockets });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '');
}

/** Checks that the worker thread starts from the packed files, in the same module system. */
async function expectKeptWhileBlocked(folder: string, how: 'import' | 'require'): Promise<void> {
  const sockets = JSON.stringify(redis.servers.map((server) => server.path));
  // Without this flag, newer versions of Node give the ES modules to `require` too.
  const args = ['--no-experimental-require-module', 'blocked.cjs', how];
  const output = await run(folder, process.execPath, args, { SOCKETS: sockets });
  expect(JSON.parse(output.trim().split('\n').at(-1) ?? '')).toEqual({
    kept: true,
    warnings: [],
    isCommonJs: how === 'require',
  });
}

const aLockedRun = {
  token: expect.any(Number),
  released: { labels: { lock: 'nightly-report' }, value: 1 },
  closed: true,
};

const alone = [
  'quorlock',
  'quorlock/node',
  'quorlock/testing',
  'quorlock/redlock',
  'quorlock/cron',
  'quorlock/node-cron',
];
const entries = [...alone, 'quorlock/nestjs', 'quorlock/prometheus'];

async function expectOneClass(folder: string, entryPoints = entries): Promise<void> {
  const output = await run(folder, process.execPath, ['one-class.cjs', ...entryPoints]);
  expect(output.trim().split('\n')).toEqual(entryPoints.map((entry) => `${entry}: the same`));
}

it('the tarball has the compiled files, the dashboard, the alerts and the papers only', async () => {
  const files = (await run(root, 'tar', ['-tzf', workshop.tarball])).trim().split('\n');
  const pages = (await readdir(join(root, 'docs'))).filter((file) => file.endsWith('.md'));
  expect(pages).toEqual(expect.arrayContaining(['safety.md', 'security.md']));
  const papers = [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    ...pages.map((file) => `docs/${file}`),
    'package.json',
    'grafana/jobs.json',
    'grafana/quorlock.json',
    'grafana/alerts.yml',
  ];
  expect(files).toEqual(expect.arrayContaining(papers.map((file) => `package/${file}`)));
  const others = files.filter((file) => !papers.includes(file.replace('package/', '')));
  expect(
    others.filter(
      (file) =>
        !/^package\/dist\/(esm|cjs)\/(.*\.(js|d\.ts)|lock\/stall\/folder\.(cjs|d\.cts)|package\.json)$/.test(
          file,
        ),
    ),
  ).toEqual([]);
});

describe('without any other package', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await workshop.consumer({ name: 'alone', type: 'commonjs', dependencies: {} });
  });

  it('npm installs nothing but quorlock', async () => {
    const installed = await readdir(join(folder, 'node_modules'));
    expect(installed.filter((name) => !name.startsWith('.'))).toEqual(['quorlock']);
  });

  it('the library and its entry points without optional packages load', async () => {
    await expectOneClass(folder, alone);
  });

  it.each(['import', 'require'] as const)(
    'the library by %s says which package it needs for a url',
    async (how) => {
      const output = await run(folder, process.execPath, ['no-client.cjs', how]);
      expect(output).toContain('QuorumUnreachableError');
      expect(output).toContain(
        'a url or options are opened by the package ioredis, or iovalkey, and none of them can be loaded: ' +
          'npm install ioredis, or give a client of the library that you use',
      );
    },
  );
});

describe('with iovalkey alone', () => {
  it.each(['import', 'require'] as const)(
    'the library by %s keeps a lease while the event loop is blocked',
    async (how) => {
      const dependencies = { iovalkey: await ownVersionOf('iovalkey') };
      const folder = await workshop.consumer({ name: `iovalkey-${how}`, type: 'commonjs', dependencies });
      await expectKeptWhileBlocked(folder, how);
    },
  );
});

describe('Nest 12 as ES modules, ioredis 6', () => {
  let folder: string;

  beforeAll(async () => {
    const names = ['@nestjs/common', '@nestjs/core', '@nestjs/schedule', 'ioredis', 'prom-client'];
    const helpers = ['reflect-metadata', 'rxjs', '@types/node'];
    const versions = [...names, ...helpers].map(async (name) => [name, await ownVersionOf(name)] as const);
    const dependencies = Object.fromEntries(await Promise.all(versions));
    folder = await workshop.consumer({ name: 'nest-12', type: 'module', dependencies });
  });

  it('an application with Nest 12 as ES modules compiles and runs a locked cron job', async () => {
    await run(folder, join(root, 'node_modules/.bin/tsc'), ['--module', 'nodenext', ...compiled, ...sources]);
    expect(await runApp(folder)).toEqual(aLockedRun);
  });

  it('require and import give the same classes with Nest 12', async () => {
    await expectOneClass(folder);
  });
});

describe('a bundle', () => {
  const WEBPACK = { webpack: '5.113.0' };
  const ESBUILD = { esbuild: '0.28.2' };
  const ROLLUP = {
    rollup: '4.68.8',
    '@rollup/plugin-commonjs': '29.0.3',
    '@rollup/plugin-json': '6.1.0',
    '@rollup/plugin-node-resolve': '16.0.3',
  };

  /** An application with these packages. */
  async function application(name: string, packages: readonly string[], bundlers: object): Promise<string> {
    const versions = packages.map(async (one) => [one, await ownVersionOf(one)] as const);
    const dependencies = { ...Object.fromEntries(await Promise.all(versions)), ...bundlers };
    return workshop.consumer({ name, type: 'commonjs', dependencies });
  }

  /** Bundles by import and by require, and gives what the two bundles print. */
  async function bundlesOf(folder: string, content: string, bundler: string): Promise<unknown[]> {
    const output = await run(folder, process.execPath, ['bundle.cjs', content, bundler]);
    return output
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
  }

  const bothPrinting = (bundler: string, printed: string): unknown[] =>
    ['imports.mjs', 'requires.cjs'].map((entry) => ({ bundler, entry, errors: [], printed }));

  it('of everything but the package cron is made by webpack, by import and by require, and runs', async () => {
    const packages = ['@nestjs/common', '@nestjs/core', 'ioredis', 'reflect-metadata', 'rxjs'];
    const folder = await application('bundled', packages, WEBPACK);
    expect(await bundlesOf(folder, 'nest', 'webpack')).toEqual(bothPrinting('webpack', 'function'));
  });

  describe('with node-redis as the only client library', () => {
    let folder: string;

    beforeAll(async () => {
      folder = await application('bundled-client', ['redis'], { ...WEBPACK, ...ESBUILD, ...ROLLUP });
    });

    it.each(['webpack', 'esbuild', 'rollup'])('is made by %s, and runs', async (bundler) => {
      expect(await bundlesOf(folder, 'client', bundler)).toEqual(bothPrinting(bundler, 'localhost:6379'));
    });
  });
});

describe('Nest 11 as CommonJS, the oldest ioredis and TypeScript 5', () => {
  let folder: string;
  const tsc = (...args: string[]) => run(folder, 'node_modules/.bin/tsc', [...compiled, ...args, ...sources]);

  beforeAll(async () => {
    const dependencies = {
      '@nestjs/common': '11.2.10',
      '@nestjs/core': '11.2.10',
      '@nestjs/schedule': '6.1.3',
      '@types/node': await ownVersionOf('@types/node'),
      ioredis: '5.4.0',
      'prom-client': '15.1.3',
      'reflect-metadata': '0.2.2',
      rxjs: '7.8.2',
      typescript: '5.9.3',
    };
    folder = await workshop.consumer({ name: 'nest-11', type: 'commonjs', dependencies });
    await tsc('--module', 'commonjs', '--moduleResolution', 'node10');
  });

  it('an application with Nest 11 as CommonJS runs a locked cron job', async () => {
    expect(await runApp(folder)).toEqual(aLockedRun);
  });

  it('a locked job runs in Jest without configuration, with Nest 11 as CommonJS', async () => {
    await run(folder, process.execPath, [join(root, 'node_modules/jest/bin/jest.js'), '--rootDir', folder]);
  });

  it('require and import give the same classes with Nest 11', async () => {
    await expectOneClass(folder);
  });

  it.each([
    ['nodenext', ['--module', 'nodenext']],
    ['bundler', ['--module', 'preserve', '--moduleResolution', 'bundler']],
  ])('TypeScript 5 finds the types with module resolution %s', async (_name, args) => {
    await tsc('--noEmit', ...args);
  });

  it('the types need neither those of Node nor another lib than the default', async () => {
    const args = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext'];
    const types = ['--types', 'reflect-metadata', '--skipLibCheck', 'false'];
    await run(folder, 'node_modules/.bin/tsc', [...args, ...types, 'no-node-types.ts']);
  });
});
