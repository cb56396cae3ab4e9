import type { BeforeApplicationShutdown, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { LockManager } from '../index.js';
import type { LockExplorer } from './lock-explorer.js';

/** Starts and ends one module instance with the application. */
export class LockLifecycle implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    private readonly locks: LockManager,
    private readonly explorer: LockExplorer,
    private readonly drainMs: number,
  ) {}

  async onModuleInit(): Promise<void> {
    try {
      await this.explorer.explore();
    } catch (error) {
      // The application does not start, and nobody else would close what was opened for it.
      await this.locks.close();
      throw error;
    }
  }

  /**
   * Jobs that run may end; none begins. HTTP is still served meanwhile, and answered with 503 where it needs a lock. The
   * connections are the manager's own; a client that was handed in was duplicated and stays open.
   */
  async beforeApplicationShutdown(): Promise<void> {
    await this.locks.close({ drainMs: this.drainMs });
  }

  /** In case that a hook before this one failed. */
  async onApplicationShutdown(): Promise<void> {
    await this.locks.close();
  }
}
