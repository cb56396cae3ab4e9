import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { dieWithParent } from '../support/processes.js';

const loader = new URL('../../scripts/ts-loader.mjs', import.meta.url).href;

/** Runs a TypeScript file in a folder of its own. Whatever Node has deprecated ends it. */
function outputOf(source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'quorlock-ts-loader-'));
  try {
    const file = join(folder, 'main.ts');
    writeFileSync(file, source);
    writeFileSync(join(folder, 'other.ts'), `export const other: string = 'other';`);
    const flags = ['--throw-deprecation', '--import', loader];
    const [command = '', ...args] = [...dieWithParent, process.execPath, ...flags, file];
    return execFileSync(command, args, { encoding: 'utf8', cwd: folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('a TypeScript file runs without anything that Node has deprecated', () => {
  const imports = `import { other } from './other.js'; import { LockError } from 'quorlock';`;
  expect(outputOf(`${imports} console.log(other as string, typeof LockError);`)).toBe('other function\n');
});
