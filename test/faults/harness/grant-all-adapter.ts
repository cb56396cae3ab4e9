import type { LockAdapter } from './adapter.js';

/** A lock that excludes nobody: it grants every request. The harness must detect that. */
export function openAdapter(): LockAdapter {
  return {
    acquire: async () => ({ signal: new AbortController().signal, release: async () => undefined }),
    close: async () => undefined,
  };
}
