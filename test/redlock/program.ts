/**
 * What a user of redlock writes. `types.test.ts` compiles it twice: as it is, and with another import line.
 * It is never run.
 */
import type { Redis } from 'ioredis';
import Redlock, { ExecutionError, Lock, ResourceLockedError, type ExecutionResult } from 'redlock';

export async function program(clients: Redis[]): Promise<void> {
  const object = new Redlock(clients, { retryCount: -1, driftFactor: 0.02 });
  object.on('error', (error: unknown) => error instanceof ResourceLockedError);
  let held: Lock = await object.acquire(['a', 'b'], 5_000, { retryDelay: 10 });
  held = await held.extend(5_000);
  held = await object.extend(held, 5_000, { retryJitter: 1 });
  const { attempts }: ExecutionResult = await object.release(held, { retryCount: 0 });
  await held.release();
  const [first] = await Promise.all(attempts);
  const errors: Error[] = [...(first?.votesAgainst.values() ?? [])];
  const hosts = [...object.clients].map((client) => client.status);
  const text: string = await object.using(['a'], 5_000, async (aborted) => {
    if (aborted.aborted) throw aborted.error ?? new Error('lost');
    const { settings, scripts } = object;
    return `${errors.length} ${hosts.join()} ${settings.retryCount} ${scripts.acquireScript.hash}`;
  });
  const length: number = await object.using(
    ['a'],
    5_000,
    { automaticExtensionThreshold: 9 },
    async () => text.length,
  );
  const again = new Lock(object, ['a'], held.value, [], held.expiration + length);
  const failure = new ExecutionError(again.redlock === object ? 'a' : 'b', attempts);
  object.emit('error', failure);
  await object.quit();
}
