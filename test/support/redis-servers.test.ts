import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServers, type StartRedisOptions } from './redis-servers.js';

let running: RedisServers | undefined;

async function start(options: StartRedisOptions) {
  running = await startRedis(options);
  return running.servers;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

afterEach(() => running?.stop());

describe.each([
  ['unix sockets', false],
  ['loopback ports', true],
])('redis-server processes on %s', (_name, tcp) => {
  it('redis-server processes are independent of each other, and stop also ends stopped ones', async () => {
    const servers = await start({ count: 3, tcp });
    await servers[0]!.client().set('a', '1');
    expect(await servers[1]!.client().get('a')).toBeNull();
    expect(new Set(servers.map((server) => JSON.stringify(server.options))).size).toBe(3);
    const pids = servers.map((server) => server.pid);
    servers[2]!.pause();
    await running!.stop();
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('a server restarts at the same address, by default without its data', async () => {
    const [server] = await start({ count: 1, tcp });
    const before = { options: server!.options, pid: server!.pid };
    await server!.client().set('a', '1');
    await server!.restart({ keepData: true });
    expect(await server!.client().get('a')).toBe('1');
    await server!.restart();
    expect(await server!.client().get('a')).toBeNull();
    expect(server!.options).toEqual(before.options);
    expect(server!.pid).not.toBe(before.pid);
  });
});

it('a stopped server answers waiting requests when it is resumed', async () => {
  const [server] = await start({ count: 1 });
  const client = server!.client();
  await client.ping();
  server!.pause();
  const reply = client.set('a', '1');
  server!.resume();
  expect(await reply).toBe('OK');
});

it('a server that cannot start rejects with its log', async () => {
  await expect(startRedis({ count: 1, args: ['--maxmemory-policy', 'nonsense'] })).rejects.toThrow(
    /ended with 1/,
  );
});

it('the readiness check and the clients use the password', async () => {
  const [server] = await start({ count: 1, args: ['--requirepass', 'secret'] });
  expect(await server!.client().ping()).toBe('PONG');
});

it('stop removes the files of the servers', async () => {
  const [server] = await start({ count: 1 });
  expect(existsSync(server!.path)).toBe(true);
  await running!.stop();
  expect(existsSync(server!.path)).toBe(false);
});
