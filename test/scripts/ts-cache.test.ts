import { expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { javaScriptOf } from '../../scripts/ts-cache.mjs';

it('a TypeScript file becomes JavaScript once, and again when it has changed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quorlock-ts-cache-'));
  const file = join(folder, 'one.ts');
  try {
    writeFileSync(file, 'export const one: number = 1;');
    const first = javaScriptOf(file);
    expect(first).toContain('export const one = 1;');
    // What is kept ends with what it was made from.
    const kept = javaScriptOf(file);
    expect(kept.startsWith(first)).toBe(true);
    expect(kept.slice(first.length)).toMatch(/^\n\/\/ [0-9a-f]{40}\n$/);
    writeFileSync(file, 'export const one: string = "other";');
    expect(javaScriptOf(file)).toContain('export const one = "other";');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
