import { randomInt } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { PRESENT_ONLY } from '../../src/node/lock-node.js';
import { SCRIPT } from '../../src/node/redis/protocol/script.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { Rng } from './rng.js';
import { Keyspace, runScript, SCRIPT_FLAWS, type Publish, type ScriptFlaw } from './script-model.js';

const FENCE_MS = 3_600_000;
const LEDGER_MS = 7_200_000;
/** A server that is held up between the reading of its clock for TIME and that for expiry tells different times. */
const TIME_TOLERANCE_MS = 10_000;
/** A key that lives so shortly is outlived before the next call; one that lives long stays. */
const SHORT_MS = 30;
const LONG_MS = [60_000, 90_000];
const CALLS = 40;

interface Call {
  readonly keys: string[];
  readonly args: readonly [string];
  /** Something in it expires soon. */
  readonly isShort: boolean;
}

/** A random call, of one to three runs of operations, by few holders on few resources, so that they meet. */
function randomCall(rng: Rng, nowUs: number, quarantines: readonly number[]): Call {
  const keys = ['quorlock:node'];
  const order = rng.pick(['', '', '', '', '', '', 'l', 'f', 't', 'd', 'm']);
  const quarantine = rng.pick(quarantines);
  const aheadUs = rng.pick([0, 2e9, -2e9]);
  const words: (string | number | boolean)[] = [FENCE_MS, LEDGER_MS, quarantine];
  words.push(
    rng.pick(['run-1', 'run-1', 'run-1', 'run-2', '']),
    rng.pick([false, true]),
    order,
    rng.pick(['id-1', 'id-2']),
    aheadUs,
  );
  let isShort = false;
  const ttl = (): number => {
    if (!rng.chance(0.08)) return rng.pick(LONG_MS);
    isShort = true;
    return SHORT_MS;
  };
  const counter = (): number => rng.int(1, 8) + rng.pick([0, nowUs, nowUs, nowUs + 2e8]);
  const waiter = (): string => rng.pick(['deaf', 'mute', 'here', 'there']);
  const runs = rng.int(1, 3);
  // A short life only at the end: what comes after it would depend on the millisecond.
  for (let at = 1; at <= runs && !isShort; at++) {
    const verb = rng.pick(['a', 'a', 'q', 'q', 'c', 'e', 'e', 'r', 'r', 'w', 'i']);
    const isSingle = verb === 'i' || rng.chance(0.7);
    const hasNone = verb === 'w' || verb === 'i';
    words.push(verb, isSingle ? 1 : 2);
    if (!hasNone && verb !== 'r') words.push(nowUs - aheadUs + rng.pick([1e9, 1e9, -1e9]));
    if (verb === 'a' || verb === 'q')
      words.push(
        ttl(),
        rng.pick([false, 5, nowUs, nowUs + 1e8]),
        rng.pick([false, false, 7, 8, Math.floor(nowUs / 1_000) + rng.int(-70_000, 70_000)]),
        rng.pick([1, 1, 5]),
      );
    if (verb === 'q') words.push(waiter(), rng.pick(LONG_MS));
    if (verb === 'c') words.push(rng.pick([false, 7, 8]));
    if (verb === 'e') words.push(ttl());
    if (verb === 'r')
      words.push(
        rng.chance(0.3) ? ttl() : 0,
        ...(rng.chance(0.5) ? [false, 0] : [waiter(), rng.pick(LONG_MS)]),
      );
    const count = isShort ? 1 : rng.pick([1, 1, 2, 3]);
    words.push(count);
    for (let one = 1; one <= count; one++) {
      const resources = isSingle ? [rng.pick(['x', 'y'])] : ['x', 'y'];
      const second = verb === 'r' || verb === 'w' ? 'wait' : 'fence';
      for (const resource of resources) keys.push(resource, `${resource}:${second}`);
      if (verb === 'q') for (const resource of resources) keys.push(`${resource}:wait`);
      if (hasNone) continue;
      words.push(rng.pick(['one', 'two']));
      if (verb === 'c') words.push(counter());
      if (verb === 'e') {
        const token = rng.pick([false as const, counter(), PRESENT_ONLY]);
        const maxCounter = token === PRESENT_ONLY ? rng.pick([false as const, counter()]) : token;
        words.push(token, maxCounter === false ? false : maxCounter + rng.int(0, 3));
      }
    }
  }
  return { keys, args: [JSON.stringify(words)], isShort };
}

/** A reply in which lives are told apart from what must be equal to the last digit. */
function readable(reply: unknown): { readonly exact: unknown; readonly livesMs: number[] } {
  const [, finding, ...answers] = reply as [number, unknown, ...(number | readonly unknown[])[]];
  const livesMs: number[] = [];
  // The script tells a run of zeros by its length, the model zero by zero.
  const told = answers.flatMap((answer) =>
    typeof answer !== 'number' && answer[0] === 7 ? new Array<number>(Number(answer[1])).fill(0) : [answer],
  );
  const exact = told.map((answer) => {
    if (typeof answer === 'number') return answer;
    const word = Number(answer[0]);
    const place = word === 6 ? 2 : 3;
    if (word !== 6 && word !== 2) return answer;
    livesMs.push(Number(answer[place]));
    return answer.filter((_, index) => index !== place);
  });
  return { exact: [finding, ...exact], livesMs };
}

/** Those who are there to hear what is published. */
const PRESENT = ['here', 'there'].map((waiter) => `quorlock:wake:${waiter}`);

describe('the model of the script', () => {
  let servers: RedisServers;
  let client: Redis;
  let heard: string[] = [];

  beforeAll(async () => {
    servers = await startRedis({ count: 1 });
    client = servers.servers[0]!.client();
    const listener = servers.servers[0]!.client();
    listener.on('message', (channel, message) => void heard.push(`${channel} ${message}`));
    await listener.subscribe(...PRESENT);
  });

  afterAll(async () => {
    await servers.stop();
  });

  /** One sequence of calls on an empty server; what differs, `undefined` where nothing does. */
  async function difference(seed: number, flaw?: ScriptFlaw): Promise<string | undefined> {
    const rng = new Rng(seed);
    const model = new Keyspace();
    heard = [];
    const published: string[] = [];
    const publish: Publish = (channel, message) => {
      if (!PRESENT.includes(channel)) return 0;
      published.push(`${channel} ${message}`);
      return 1;
    };
    // The longest that was ever asked for holds: in some sequences it is soon over, in others never.
    const quarantines = rng.pick([[0, 20, 60_000], [60_000], [5]]);
    await client.flushall();
    for (let count = 0; count < CALLS; count++) {
      const { keys, args, isShort } = randomCall(rng, Date.now() * 1_000, quarantines);
      const reply = await client.eval(SCRIPT, keys.length, ...keys, ...args);
      const expected = readable(runScript(model, keys, args, (reply as number[])[0]!, publish, flaw));
      const actual = readable(reply);
      const isSame =
        isDeepStrictEqual(actual.exact, expected.exact) &&
        actual.livesMs.every((lifeMs, at) => Math.abs(lifeMs - expected.livesMs[at]!) <= TIME_TOLERANCE_MS);
      if (!isSame) return JSON.stringify({ seed, count, keys, args, actual, expected });
      if (isShort) await new Promise((resolve) => setTimeout(resolve, SHORT_MS + 10));
    }
    await until(() => heard.length >= published.length);
    if (!isDeepStrictEqual(heard, published)) return JSON.stringify({ seed, heard, published });
    return differentKeys(client, model);
  }

  it('answers and writes as the script does on a real server, for random calls', async () => {
    const seed = randomInt(2 ** 31);
    for (let sequence = 0; sequence < 30; sequence++) {
      expect(await difference(seed + sequence)).toBeUndefined();
    }
  });

  it.each(SCRIPT_FLAWS)('is told from the script when it has this flaw: %s', async (flaw) => {
    for (let seed = 1; seed <= 200; seed++) if ((await difference(seed, flaw)) !== undefined) return;
    throw new Error('200 sequences of calls did not tell them apart');
  });
});

async function differentKeys(client: Redis, model: Keyspace): Promise<string | undefined> {
  const [seconds, micros] = await client.time();
  model.nowMs = Math.floor(Number(seconds) * 1_000 + Number(micros) / 1_000);
  const keys = (await client.keys('*')).sort();
  if (!isDeepStrictEqual(keys, model.keys.sort())) return `${keys.join()} and ${model.keys.join()}`;
  for (const key of keys) {
    const type = await client.type(key);
    if (type === 'zset') {
      const lists = [await client.zrange(key, 0, '-1'), model.members(key)];
      if (!isDeepStrictEqual(lists[0], lists[1])) return JSON.stringify({ key, lists });
      continue;
    }
    const isString = type === 'string';
    const actual = isString ? await client.get(key) : await client.hgetall(key);
    const fields = ['run', 'since', 'ttl', 'id', 'members', 'anew', 'waits'].flatMap((name) => {
      const value = model.field(key, name);
      return value === undefined ? [] : [[name, value]];
    });
    const expected: unknown = isString ? model.get(key) : Object.fromEntries(fields);
    const isSame = isString ? actual === expected : isDeepStrictEqual({ ...Object(actual) }, expected);
    if (!isSame) return JSON.stringify({ key, actual, expected });
    const livesMs = [await client.pttl(key), model.pttl(key)];
    if (Math.abs(livesMs[0]! - livesMs[1]!) > TIME_TOLERANCE_MS) return JSON.stringify({ key, livesMs });
  }
  return undefined;
}
