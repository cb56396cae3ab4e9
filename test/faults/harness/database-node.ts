import type { NetConnectOpts } from 'node:net';
import { PostgresServer } from '../../support/postgres-server.js';
import type { FaultServer, LockKey } from './nodes.js';
import type { DataAtStart } from './schedule.js';

/** How a server is ended: it is killed, it leaves its work at once, or it ends its connections in order. */
const ENDS = ['SIGKILL', 'SIGQUIT', 'SIGINT'] as const;

const HELD = `
select prefix || resource as key, holder as value, (expires - quorlock.now_v1()) / 1000 as remaining
from quorlock.lease where holder is not null and expires > quorlock.now_v1()`;

/** A PostgreSQL server. It keeps its data over a crash unless `start` deletes them. */
export class FaultDatabase implements FaultServer {
  #paused = false;
  #ends = 0;
  #isRunning = true;

  private constructor(private readonly server: PostgresServer) {}

  static async start(): Promise<FaultDatabase> {
    return new FaultDatabase(await PostgresServer.start({ fsync: true }));
  }

  get target(): NetConnectOpts {
    return { host: '127.0.0.1', port: this.server.port };
  }

  get answers(): boolean {
    return this.#isRunning && !this.#paused;
  }

  pause(): void {
    this.#paused = true;
    this.server.pause();
  }

  resume(): void {
    this.#paused = false;
    this.server.resume();
  }

  async kill(): Promise<void> {
    this.#isRunning = false;
    this.#paused = false;
    await this.server.end(ENDS[this.#ends++ % ENDS.length]);
  }

  async start(data: DataAtStart): Promise<void> {
    if (data !== 'kept') await this.server.renew();
    if (data === 'old') this.server.restore();
    await this.server.start();
    this.#isRunning = true;
  }

  async backUp(): Promise<void> {
    if (this.answers) await this.server.backUpNow();
  }

  stepClock(): Promise<void> {
    return Promise.reject(new Error('the clock of a database is not stepped'));
  }

  async locks(): Promise<LockKey[] | undefined> {
    if (!this.answers) return undefined;
    try {
      const rows = await this.server.query(HELD);
      return rows.map(({ key, value, remaining }) => ({
        key: String(key),
        value: String(value),
        remainingMs: Number(remaining),
      }));
    } catch {
      return undefined;
    }
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
