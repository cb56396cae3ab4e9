import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { installedPackagesMatch } from '../../scripts/installed-packages.mjs';

const wanted = {
  '': { name: 'root', version: '1.0.0' },
  'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
  'node_modules/b': { version: '2.0.0', integrity: 'sha512-b' },
  'node_modules/other-platform': { version: '3.0.0', optional: true },
};
const { '': _root, 'node_modules/other-platform': _other, ...installed } = wanted;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorlock-setup-'));
  await mkdir(join(folder, 'node_modules'));
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ packages: wanted }));
});

afterEach(() => rm(folder, { recursive: true }));

async function matches(packages?: object): Promise<boolean> {
  const hidden = join(folder, 'node_modules/.package-lock.json');
  if (packages) await writeFile(hidden, JSON.stringify({ packages }));
  return installedPackagesMatch(pathToFileURL(`${folder}/`));
}

it('an installation is up to date without the optional packages of other platforms', async () => {
  expect(await matches(installed)).toBe(true);
});

it.each([
  ['nothing is installed', undefined],
  ['a package is missing', { 'node_modules/a': wanted['node_modules/a'] }],
  ['a package has another version', { ...installed, 'node_modules/b': { version: '2.0.1' } }],
  [
    'a package has other content',
    { ...installed, 'node_modules/b': { version: '2.0.0', integrity: 'sha512-c' } },
  ],
  [
    'a package is installed that the lockfile does not have',
    { ...installed, 'node_modules/c': { version: '1.0.0' } },
  ],
])('an installation is out of date if %s', async (_name, packages) => {
  expect(await matches(packages)).toBe(false);
});
