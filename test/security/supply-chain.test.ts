import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

const read = (file: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));

const manifest = read('package.json') as {
  dependencies?: object;
  optionalDependencies?: object;
  bundleDependencies?: unknown;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional: boolean }>;
  devDependencies: Record<string, string>;
  scripts: Record<string, string>;
};

it('the package has no dependency but optional peer dependencies', () => {
  expect(manifest.dependencies).toBeUndefined();
  expect(manifest.optionalDependencies).toBeUndefined();
  expect(manifest.bundleDependencies).toBeUndefined();
  const required = Object.keys(manifest.peerDependencies).filter(
    (name) => manifest.peerDependenciesMeta[name]?.optional !== true,
  );
  expect(required).toEqual([]);
});

it('the package runs no script on installation', () => {
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'];
  expect(Object.keys(manifest.scripts).filter((name) => hooks.includes(name))).toEqual([]);
});

it('the development dependencies have exact versions, each with the hash of its content', () => {
  const versions = Object.values(manifest.devDependencies);
  // `npm:redlock@4.2.0` installs another version of a package beside the first.
  const exact = /^(npm:(@[\w.-]+\/)?[\w.-]+@)?\d+\.\d+\.\d+(-[\w.-]+)?$/;
  expect(versions.filter((version) => !exact.test(version))).toEqual([]);
  const { packages } = read('package-lock.json') as {
    packages: Record<string, { integrity?: string; optional?: boolean; resolved?: string }>;
  };
  const others = Object.entries(packages).filter(([path]) => path !== '');
  expect(others.length).toBeGreaterThan(100);
  // Entries for other platforms are written into the lockfile by hand and have no hash.
  const loose = others.filter(
    ([, { integrity, optional }]) => optional !== true && integrity?.startsWith('sha512-') !== true,
  );
  expect(loose).toEqual([]);
  expect(others.filter(([, { resolved }]) => /^(git|http:|file:)/.test(resolved ?? ''))).toEqual([]);
});
