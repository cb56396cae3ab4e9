import { cp, rename, rm, writeFile } from 'node:fs/promises';
import type { NetConnectOpts } from 'node:net';
import { dirname, join } from 'node:path';
import type { Redis } from 'ioredis';
import { findFaketime } from '../../../scripts/find-faketime.mjs';
import type { RedisServer } from '../../support/redis-server.js';
import { startRedis, type RedisServers } from '../../support/redis-servers.js';
import type { DataAtStart } from './schedule.js';

const preload = findFaketime();

/** Whether the clock of a node can be stepped on this machine. */
export const canStepClocks = preload !== undefined;

const OFFSET_FILE = 'clock-offset';
/** The data survive SIGKILL, but no power failure: redis writes to the file before it replies. */
const KEEPS_DATA = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--auto-aof-rewrite-percentage', '0'];

const LIST_LOCKS = `
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  if redis.call('TYPE', key).ok == 'string' then
    found[#found + 1] = key
    found[#found + 1] = redis.call('GET', key)
    found[#found + 1] = redis.call('PTTL', key)
  end
end
return found`;

export interface LockKey {
  readonly key: string;
  readonly value: string;
  readonly remainingMs: number;
}

/** A server of the run, which keeps its data over a crash unless `start` deletes them. */
export interface FaultServer {
  /** Where the proxy finds it. */
  readonly target: NetConnectOpts;
  pause(): void;
  resume(): void;
  kill(): Promise<void>;
  backUp(): Promise<void>;
  start(data: DataAtStart): Promise<void>;
  stepClock(byMs: number): Promise<void>;
  /** The keys that match, read without a proxy; `undefined` if the server does not answer now. */
  locks(pattern: string): Promise<LockKey[] | undefined>;
}

/**
 * One redis-server. It keeps its data over a crash unless `start` deletes them, and its clock can be stepped.
 */
export class FaultNode implements FaultServer {
  #observer: Redis | undefined;
  #offsetMs = 0;
  #paused = false;

  constructor(readonly server: RedisServer) {}

  get target(): NetConnectOpts {
    return { path: this.server.path };
  }

  get #directory(): string {
    return dirname(this.server.path);
  }

  /** Whether the process runs and is not stopped. */
  get answers(): boolean {
    return this.server.running && !this.#paused;
  }

  pause(): void {
    this.#paused = true;
    this.server.pause();
  }

  resume(): void {
    this.#paused = false;
    this.server.resume();
  }

  kill(): Promise<void> {
    this.#paused = false;
    return this.server.kill();
  }

  /** Copies the data as they are on disk now, to be the backup of a later start. */
  async backUp(): Promise<void> {
    if (!this.answers) return;
    await rm(this.#backup, { recursive: true, force: true });
    await cp(this.#data, this.#backup, { recursive: true });
  }

  /** Starts the server again after `kill`. Without a backup, old data are none. */
  async start(data: DataAtStart): Promise<void> {
    if (data !== 'kept') await rm(this.#data, { recursive: true, force: true });
    if (data === 'old') await cp(this.#backup, this.#data, { recursive: true }).catch(() => undefined);
    await this.server.start();
  }

  get #data(): string {
    return join(this.#directory, 'appendonlydir');
  }

  get #backup(): string {
    return join(this.#directory, 'backup');
  }

  /** Steps the server's clock by `byMs` from its current time. */
  async stepClock(byMs: number): Promise<void> {
    this.#offsetMs += byMs;
    const file = join(this.#directory, OFFSET_FILE);
    const seconds = this.#offsetMs / 1_000;
    // Replaced in one step, because the server must never read half a file.
    await writeFile(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    await rename(`${file}.new`, file);
  }

  /** The string keys that match, read without a proxy; `undefined` if the server does not answer now. */
  async locks(pattern: string): Promise<LockKey[] | undefined> {
    if (!this.answers) return undefined;
    this.#observer ??= this.server.client({
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      lazyConnect: true,
    });
    try {
      if (this.#observer.status === 'wait') await this.#observer.connect();
      const flat = (await this.#observer.eval(LIST_LOCKS, 0, pattern)) as (string | number)[];
      return Array.from({ length: flat.length / 3 }, (_, index) => ({
        key: String(flat[3 * index]),
        value: String(flat[3 * index + 1]),
        remainingMs: Number(flat[3 * index + 2]),
      }));
    } catch {
      return undefined;
    }
  }
}

export interface FaultNodes {
  readonly nodes: readonly FaultNode[];
  readonly stop: () => Promise<void>;
}

export async function startNodes(count: number): Promise<FaultNodes> {
  const servers: RedisServers = await startRedis({ count, args: KEEPS_DATA, env: environmentOf });
  return { nodes: servers.servers.map((server) => new FaultNode(server)), stop: () => servers.stop() };
}

function environmentOf(directory: string): Record<string, string> {
  if (!preload) return {};
  return {
    LD_PRELOAD: preload,
    FAKETIME_TIMESTAMP_FILE: join(directory, OFFSET_FILE),
    FAKETIME_NO_CACHE: '1',
    // A step moves the wall clock. The clock of the timers stays unchanged.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}
