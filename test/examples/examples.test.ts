import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { LockManager } from '../../src/index.js';
import { dieWithParent, exitOf, type Exit } from '../support/processes.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

/** An example in a process of its own, as a user starts it. */
interface Example {
  readonly output: string;
  stop(signal: NodeJS.Signals): Promise<Exit>;
}

const pathOf = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

function startExample(name: string, env: Readonly<Record<string, string>>): Example {
  const loader = ['--import', pathOf('scripts/ts-loader.mjs')];
  const command = [...dieWithParent, process.execPath, ...loader, pathOf(`examples/${name}/main.ts`)];
  const child = spawn(command[0]!, command.slice(1), {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exit = exitOf(child);
  return {
    get output() {
      return output;
    },
    stop: (signal) => {
      child.kill(signal);
      return exit;
    },
  };
}

let redis: RedisServers;
const children: Example[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 3, tcp: true });
});

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop('SIGKILL')));
});

afterAll(async () => {
  await redis.stop();
});

/** Starts an example twice, as two workers. */
function startTwo(name: string): readonly [Example, Example] {
  const urls = redis.servers.map(({ url }) => url);
  const env = { QUORLOCK_NODES: urls.join(','), QUEUE_REDIS: urls[0]!, PORT: '0', NO_COLOR: '1' };
  const both = [startExample(name, env), startExample(name, env)] as const;
  children.push(...both);
  return both;
}

const firstMatch = ({ output }: Example, pattern: RegExp): string | undefined => pattern.exec(output)?.[1];

/** The addresses of two workers that serve HTTP. */
const addressesOf = (workers: readonly Example[], pattern: RegExp): Promise<string[]> =>
  until(
    () => {
      const found = workers.flatMap((worker) => firstMatch(worker, pattern) ?? []);
      return found.length === workers.length ? found : undefined;
    },
    { what: `the addresses of: ${workers.map(({ output }) => output).join('\n')}` },
  );

/** Tells both to end, as an orchestrator does, and returns how they did. */
const stop = (workers: readonly Example[]): Promise<Exit[]> =>
  Promise.all(workers.map((worker) => worker.stop('SIGTERM')));

const BY_ITSELF = { code: 0, signal: null };
/** Nest passes the signal on, once its hooks are done. */
const BY_SIGNAL = { code: null, signal: 'SIGTERM' };

/** Asks each worker to pay while somebody else holds the invoice, and then the first one when it is free. */
async function pay(
  addresses: readonly string[],
  id: string,
): Promise<{ refused: Response[]; accepted: Response }> {
  await using other = new LockManager({ nodes: redis.servers.map(({ url }) => url) });
  const lease = await other.acquire(`invoice:${id}`);
  const ask = (address: string): Promise<Response> =>
    fetch(`${address}/invoices/${id}/pay`, { method: 'POST' });
  const refused = await Promise.all(addresses.map(ask));
  await lease.release();
  return { refused, accepted: await ask(addresses[0]!) };
}

const isReady = async (address: string): Promise<boolean> =>
  (await fetch(`${address}/health`)).status === 200;

describe('the examples, each as two workers on three Redis servers', () => {
  it('plain: the workers take turns, and stop when they are told to', async () => {
    const workers = startTwo('plain');
    await until(() => workers.every(({ output }) => output.includes('writing with token')));
    await until(() => workers.some(({ output }) => output.includes('another worker writes it')));
    expect(await stop(workers)).toEqual([BY_ITSELF, BY_ITSELF]);
    const tokens = workers.flatMap(({ output }) =>
      [...output.matchAll(/token (\d+)/g)].map(([, token]) => token),
    );
    expect(new Set(tokens).size).toBe(tokens.length);
    for (const { output } of workers) expect(output.trim().split('\n').at(-1)).toBe('stopped');
  });

  it('express: an invoice that is being paid is refused with 409, and metrics tell of it', async () => {
    const workers = startTwo('express');
    const ports = await addressesOf(workers, /listening on port (\d+)/);
    const addresses = ports.map((port) => `http://127.0.0.1:${port}`);
    await until(async () => (await Promise.all(addresses.map(isReady))).every(Boolean));
    const { refused, accepted } = await pay(addresses, '7');
    expect([...refused, accepted].map(({ status }) => status)).toEqual([409, 409, 201]);
    expect(await accepted.json()).toEqual({ id: '7', token: expect.any(Number) });
    for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    const pages = await Promise.all(
      addresses.map(async (address) => (await fetch(`${address}/metrics`)).text()),
    );
    expect(pages.join('')).toContain('quorlock_acquired_total{lock="pay-invoice"} 1');
    expect(pages.join('')).toContain('quorlock_skipped_total{lock="pay-invoice",reason="held"} 1');
    expect(await stop(workers)).toEqual([BY_ITSELF, BY_ITSELF]);
  });

  it('nest: each tick runs once, an invoice that is being paid is refused, and its receipt is sent by the queue', async () => {
    const workers = startTwo('nest');
    const addresses = await addressesOf(workers, /listening on (\S+)/);
    await until(async () => (await Promise.all(addresses.map(isReady))).every(Boolean));
    const { refused, accepted } = await pay(addresses, '8');
    expect([...refused, accepted].map(({ status }) => status)).toEqual([409, 409, 201]);
    expect(await accepted.json()).toEqual({ id: '8', token: expect.any(Number) });
    const written = (): string => workers.map(({ output }) => output).join('');
    await until(() => written().includes('receipt of invoice 8 sent'));
    const ticks = (): string[] => [...written().matchAll(/report of (\S+)/g)].map(([, tick]) => tick!);
    await until(() => ticks().length >= 3);
    expect(new Set(ticks()).size).toBe(ticks().length);
    const page = await (await fetch(`${addresses[0]}/metrics`)).text();
    expect(page).toMatch(/^quorlock_runs_total\{.*lock="report".*\} \d+$/m);
    expect(await stop(workers)).toEqual([BY_SIGNAL, BY_SIGNAL]);
  });
});
