import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { npmInstall } from '../../scripts/npm-install.mjs';
import { run } from './consumers.js';

let folder: string;
let registry: Server;
let url: string;
let tarball: Buffer;

/** What to do with each request for the tarball; later ones are answered. */
let answers: ((response: ServerResponse) => void)[];
let asked: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorlock-npm-install-'));
  const source = join(folder, 'tiny');
  const app = join(folder, 'app');
  await Promise.all([mkdir(source), mkdir(app)]);
  await writeFile(join(source, 'package.json'), JSON.stringify({ name: 'tiny', version: '1.0.0' }));
  const name = await run(source, 'npm', ['pack', '--silent']);
  tarball = await readFile(join(source, name.trim()));
  await writeFile(join(app, 'package.json'), JSON.stringify({ dependencies: { tiny: '1.0.0' } }));

  answers = [];
  asked = 0;
  registry = createServer(({ url: path = '' }, response) => {
    if (!path.endsWith('.tgz')) {
      const version = { name: 'tiny', version: '1.0.0', dist: { tarball: `${url}tiny.tgz` } };
      response.end(JSON.stringify({ name: 'tiny', versions: { '1.0.0': version } }));
      return;
    }
    asked++;
    const answer = answers.shift() ?? ((last: ServerResponse) => last.end(tarball));
    answer(response);
  });
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`;
});

afterEach(async () => {
  registry.closeAllConnections();
  await new Promise((resolve) => registry.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

const install = () => {
  const flags = ['--registry', url, '--cache', join(folder, 'cache'), '--fetch-retries=0'];
  return npmInstall((command, args) => run(join(folder, 'app'), command, args), ['install', ...flags], {
    silenceMs: 3_000,
  });
};

const says = 'a registry that says';

it(`${says} nothing is asked again`, async () => {
  answers = [() => undefined];
  await install();
  expect(asked).toBeGreaterThan(1);
});

it(`${says} half a package is asked again`, async () => {
  const half = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-length': tarball.length });
    response.write(tarball.subarray(0, 100));
  };
  answers = [half];
  await install();
  expect(asked).toBeGreaterThan(1);
  const installed = await readFile(join(folder, 'app/node_modules/tiny/package.json'), 'utf8');
  expect(JSON.parse(installed)).toMatchObject({ name: 'tiny' });
});

it(`${says} no each time is asked five times, and its answer is told`, async () => {
  const refuse = (response: ServerResponse): void => void response.writeHead(403).end();
  answers = Array.from({ length: 9 }, () => refuse);
  await expect(install()).rejects.toThrow('403 Forbidden');
  expect(asked).toBe(5);
});
