/** redlock 4 has no types of its own; what is used of it. */
declare module 'redlock4' {
  import type { Redis } from 'ioredis';

  export default class Redlock4 {
    constructor(
      clients: readonly Redis[],
      settings: { retryCount?: number; retryDelay?: number; retryJitter?: number },
    );
    lock(resource: string, ttlMs: number): Promise<{ unlock(): Promise<void> }>;
  }
}
