import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, jest } from '@jest/globals';
import { startChild } from '../support/child.js';

const WORDS = 4;
const source = new URL('../../src/', import.meta.url);

describe('holder ids', () => {
  it("a holder id has 128 random bits and the holder's name, and a million of them differ", async () => {
    const { newHolderId } = await import('../../src/lock/quorum/holder-id.js');
    const seen = new Set<string>();
    const ones = new Uint32Array(128);
    const count = 1_000_000;
    for (let made = 0; made < count; made++) {
      const id = newHolderId('a:1');
      if (id.length !== 36) throw new Error(`${id} has not 32 digits and the name`);
      seen.add(id);
      if (made < 20_000) countBits(id, ones);
    }
    expect(seen.size).toBe(count);
    expect([...seen].every((id) => /^[0-9a-f]{32}@a:1$/.test(id))).toBe(true);
    // Each bit is 1 in half of 20,000 ids. Chance exceeds 8 standard deviations once in 10^15 cases.
    for (const each of ones) expect(Math.abs(each - 10_000)).toBeLessThan(8 * Math.sqrt(5_000));
  });

  it('holder ids never use a byte of the random source twice, across many refills of the pool', async () => {
    jest.resetModules();
    const drawn: Buffer[] = [];
    const randomBytes = (size: number): Buffer => {
      const buffer = Buffer.alloc(size);
      // Every 16 bytes differ from all others.
      for (let at = 0; at < buffer.length; at += 16) {
        createHash('sha256').update(`${drawn.length}:${at}`).digest().copy(buffer, at, 0, 16);
      }
      drawn.push(buffer);
      return buffer;
    };
    jest.unstable_mockModule('node:crypto', () => ({ randomBytes }));
    const { newHolderId } = await import('../../src/lock/quorum/holder-id.js');
    const ids = Array.from({ length: 2_000 }, () => newHolderId('x').slice(0, 32));
    expect(drawn.length).toBeGreaterThan(WORDS);
    expect(ids.join('')).toBe(
      Buffer.concat(drawn)
        .toString('hex')
        .slice(0, 2_000 * 32),
    );
    jest.unstable_unmockModule('node:crypto');
  });

  it('holder ids of forked processes and threads have nothing in common', async () => {
    const { newHolderId } = await import('../../src/lock/quorum/holder-id.js');
    const own = Array.from({ length: 500 }, () => newHolderId('x'));
    const file = new URL('./holder-id-worker.ts', import.meta.url);
    const children = [startChild<string[]>(file), startChild<string[]>(file)];
    const ofChildren = await Promise.all(children.map((child) => child.message()));
    await Promise.all(children.map((child) => child.exit));
    const ofThreads = await Promise.all([idsOfThread(file), idsOfThread(file)]);
    const all = [own, ...ofChildren, ...ofThreads].flat();
    expect(all).toHaveLength(2_500);
    expect(new Set(all).size).toBe(all.length);
  });
});

function countBits(id: string, ones: Uint32Array): void {
  for (let word = 0; word < WORDS; word++) {
    const bits = Number.parseInt(id.slice(word * 8, word * 8 + 8), 16);
    for (let bit = 0; bit < 32; bit++) if ((bits >>> bit) & 1) ones[word * 32 + bit]!++;
  }
}

function idsOfThread(file: URL): Promise<string[]> {
  const loader = new URL('../../scripts/ts-loader.mjs', import.meta.url).href;
  const worker = new Worker(file, { execArgv: ['--import', loader] });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

describe('the sources', () => {
  const files = readdirSync(source, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.ts'));
  const having = (pattern: RegExp): string[] =>
    files.filter((file) => pattern.test(readFileSync(new URL(file, source), 'utf8')));

  it('the sources use Math.random for pauses only, in the manager, its worker thread and the API of redlock', () => {
    const allowed = ['lock/manager-parts.ts', 'lock/stall/stall-worker.ts', 'redlock/settings.ts'];
    expect(having(/Math\.random/).toSorted()).toEqual(allowed);
  });

  it('the sources evaluate no text as code and start no process', () => {
    expect(files.length).toBeGreaterThan(30);
    expect(having(/\bnew Function\b|(?<![.#\w])eval\(|node:vm\b|child_process/)).toEqual([]);
  });
});
