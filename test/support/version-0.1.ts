import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const packed = join(root, 'test/fixtures/quorlock-0.1.tar.gz');

/** Version 0.1 of this package, unpacked where it finds ioredis. */
export interface OldVersion {
  /** The path of its main module. */
  readonly path: string;
  remove(): void;
}

/**
 * Unpacks the main module of version 0.1: `dist/esm` without skins and types, as it was built from the last
 * commit of that version, 0912284.
 */
export function unpackOldVersion(): OldVersion {
  const cache = join(root, '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'version-0.1-'));
  execFileSync('tar', ['-xzf', packed, '-C', folder]);
  return {
    path: join(folder, 'quorlock-0.1/index.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
