import type { Health, LockManager } from '../../index.js';

/** A result as @nestjs/terminus (11 or newer) takes it from an indicator. */
export type LockHealthResult<Key extends string> = Record<
  Key,
  Omit<Health, 'status'> & {
    /** What terminus counts: a degraded manager is up, because it locks. */
    readonly status: 'up' | 'down';
    readonly state: Health['status'];
  }
>;

/**
 * Health of a module's locks: inject it, and give it to the `HealthCheckService` of @nestjs/terminus as `()
 * => indicator.check('locks')`. It is for readiness. For liveness use nothing of quorlock: a restart of this
 * process brings no node back.
 */
export class LockHealthIndicator {
  constructor(private readonly locks: LockManager) {}

  /** Never rejects, and asks no node. `key` is the name in the result. */
  async check<const Key extends string = 'locks'>(key?: Key): Promise<LockHealthResult<Key>> {
    const { status: state, ...rest } = this.locks.health();
    const result = { status: state === 'down' ? 'down' : 'up', state, ...rest };
    return { [key ?? 'locks']: result } as LockHealthResult<Key>;
  }
}
