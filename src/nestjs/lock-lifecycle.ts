import type { BeforeApplicationShutdown, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { LockManager } from '../index.js';
import type { LockExplorer } from './lock-explorer.js';

/** Starts and closes the locks of one module instance with the application. */
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
      // The application does not start, so nothing else would close the connections.
      this.explorer.close();
      await this.locks.close();
      throw error;
    }
  }

  /**
   * Lets running jobs end and begins no other. HTTP is still served meanwhile; a request that needs a lock
   * gets 503. Only the manager's own connections are closed: a client that the user gave was duplicated, and
   * stays open.
   */
  async beforeApplicationShutdown(): Promise<void> {
    await this.locks.close({ drainMs: this.drainMs });
  }

  /** Closes again, in case an earlier hook failed. Closing twice does no harm. */
  async onApplicationShutdown(): Promise<void> {
    this.explorer.close();
    await this.locks.close();
  }
}
