import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startChild, type Child } from '../support/child.js';
import { LockManagers } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { unpackOldVersion, type OldVersion } from '../support/version-0.1.js';
import type { OldClaim, OldLook, OldResult, OldView } from './version-0.1-worker.js';

const MARKER = 'lock:quorlock:node';
const LOST = 2;
const SHORT_MS = 2_000;
const LONG_MS = 3_600_000;
/** No client of the short quarantine asks for as much. */
const MUCH_MS = 60_000;

type Message = OldResult | OldView | 'ready';
const isView = (message: Message): message is OldView => message !== 'ready' && 'trustedInMs' in message;
const isOf =
  (tick: number) =>
  (message: Message): boolean =>
    message !== 'ready' && 'tick' in message && message.tick === tick;

let redis: RedisServers;
let version: OldVersion;
const old: Child<Message>[] = [];
const managers = new LockManagers();

beforeAll(async () => {
  redis = await startRedis({ count: 3 });
  version = unpackOldVersion();
});
afterAll(async () => {
  await Promise.all(old.map((child) => child.kill()));
  await managers[Symbol.asyncDispose]();
  version.remove();
  await redis.stop();
});

let tick = 1_790_000_000_000;
/** For how long the lost node has no vote for a client of 0.1, after it was asked for one. */
async function quarantineMs(child: Child<Message>): Promise<number> {
  tick += 1_000;
  child.send({ resource: 'job', tick, ttlMs: 1_000, afterMs: 0 } satisfies OldClaim);
  await child.message(isOf(tick));
  const before = child.messages.filter(isView).length;
  child.send({ nodeIndex: LOST } satisfies OldLook);
  await until(() => child.messages.filter(isView).length > before);
  return child.messages.filter(isView)[before]!.trustedInMs;
}

it('this version does not hide the long quarantine of a client of 0.1 from one with a short one', async () => {
  const nodes = redis.servers.map(({ options }) => options);
  const { servers } = redis;
  const own = { maxTtlMs: SHORT_MS, nodeTimeoutMs: 600, restartQuarantine: 'auto' } as const;
  await managers.connected({ servers, ttlMs: SHORT_MS, ...own });
  const worker = new URL('./version-0.1-worker.ts', import.meta.url);
  for (const maxTtlMs of [LONG_MS, SHORT_MS])
    old.push(startChild(worker, { args: [version.path, JSON.stringify(nodes), String(maxTtlMs)] }));
  await Promise.all(old.map((child) => child.message((message) => message === 'ready')));
  const [long, short] = old as [Child<Message>, Child<Message>];
  await until(async () => (await quarantineMs(long)) === 0);
  await servers[LOST]!.restart();
  await until(async () => (await quarantineMs(long)) > MUCH_MS);
  await long.kill();
  const client = servers[LOST]!.client();
  const read = async (field: string): Promise<number> => Number(await client.hget(MARKER, field));
  const instant = await read('instant');
  // This version looks at the node, and takes down for how long leases of 0.1 may be out.
  await until(async () => (await read('ttl')) === 0 || (await read('instant')) > instant);
  expect(await quarantineMs(short)).toBeGreaterThan(MUCH_MS);
});
