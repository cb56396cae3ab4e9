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
  it('are independent of each other, and gone after stop, stopped ones too', async () => {
    const servers = await start({ count: 3, tcp });
    await servers[0]!.client().set('a', '1');
    expect(await servers[1]!.client().get('a')).toBeNull();
    expect(new Set(servers.map((server) => JSON.stringify(server.options))).size).toBe(3);
    const pids = servers.map((server) => server.pid);
    servers[2]!.pause();
    await running!.stop();
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('come back at the same address without their data, or with it where that is asked for', async () => {
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

it('a stopped server answers what waited once it is resumed', async () => {
  const [server] = await start({ count: 1 });
  const client = server!.client();
  await client.ping();
  server!.pause();
  const reply = client.set('a', '1');
  server!.resume();
  expect(await reply).toBe('OK');
});

it('a server that cannot start is an error with its log', async () => {
  await expect(startRedis({ count: 1, args: ['--maxmemory-policy', 'nonsense'] })).rejects.toThrow(
    /ended with 1/,
  );
});

it('a password is used by the readiness check and by the clients', async () => {
  const [server] = await start({ count: 1, args: ['--requirepass', 'secret'] });
  expect(await server!.client().ping()).toBe('PONG');
});

it('stop removes what the servers wrote', async () => {
  const [server] = await start({ count: 1 });
  expect(existsSync(server!.path)).toBe(true);
  await running!.stop();
  expect(existsSync(server!.path)).toBe(false);
});
