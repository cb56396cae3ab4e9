import * as nodeTimers from 'node:timers';
import type {
  BeforeApplicationShutdown,
  OnApplicationBootstrap,
  OnApplicationShutdown,
  OnModuleInit,
} from '@nestjs/common';
import type { LockManager } from '../index.js';
import { assertQuorum } from './health/assert-quorum.js';
import type { LockExplorer } from './lock-explorer.js';
import type { LockRunner } from './lock-runner.js';
import type { ModuleSettings } from './quorlock-options.js';

/**
 * How long after this module's own hook the nodes are connected to. The hooks of other modules come later,
 * and may fail.
 */
const CONNECT_AFTER_MS = 100;

/** That of Node, also in an application under a test's fake timers, which nobody may move on at its end. */
const { setImmediate: nextTurn } = nodeTimers;

/** The options of a module instance that decide how it starts and ends. */
export interface LifecycleSettings extends Pick<ModuleSettings, 'drainMs' | 'requireQuorum'> {
  readonly lazyConnect: boolean;
}

/** Starts and closes the locks of one module instance with the application. */
export class LockLifecycle
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  constructor(
    private readonly locks: LockManager,
    private readonly explorer: LockExplorer,
    private readonly runner: Pick<LockRunner, 'leaders' | 'lateRuns'>,
    private readonly settings: LifecycleSettings,
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
   * Connects when the application has started, and not before: if it does not start (`abortOnError: false`,
   * or a test), nothing tells this module, and nothing would close the connections. A lock that is used
   * earlier connects at once. With `requireQuorum` it connects now, and waits for the majority.
   */
  async onApplicationBootstrap(): Promise<void> {
    if (this.settings.requireQuorum) await assertQuorum(this.locks);
    const { leaders, lateRuns } = this.runner;
    if (this.settings.lazyConnect && !leaders.isNeeded && !lateRuns.isNeeded) return;
    setTimeout(() => {
      if (this.locks.closed) return;
      this.locks.connect();
      leaders.start();
      lateRuns.start();
    }, CONNECT_AFTER_MS).unref();
  }

  /**
   * Lets running jobs end and begins no other. HTTP is still served meanwhile; a request that needs a lock
   * gets 503. Only the manager's own connections are closed: a client that the user gave was duplicated, and
   * stays open.
   */
  async beforeApplicationShutdown(): Promise<void> {
    await this.locks.close({ drainMs: this.settings.drainMs });
    // What the last handlers returned is on its way: one turn makes it a reply, the next one sends it. Nest
    // closes the transports then, and some drop what they have not sent.
    for (let turn = 1; turn <= 2; turn++) await new Promise<void>((resolve) => void nextTurn(resolve));
  }

  /** Closes again, in case an earlier hook failed. Closing twice does no harm. */
  async onApplicationShutdown(): Promise<void> {
    this.explorer.close();
    await this.locks.close();
  }
}
