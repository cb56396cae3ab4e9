import type { Connection } from '../connection/connection.js';
import type { ServerSettings } from './server-settings.js';

/** How many copies of a grant there must be. */
export type Replication = NonNullable<ServerSettings['acknowledge']>;

const NO_WAITAOF =
  'acknowledge.onDisk needs WAITAOF, which this server does not know: Redis 7.2 or later has it';

/**
 * Waits for the copies of all that was written on this connection until now. Resolves to what is missing, or
 * to `undefined` if nothing is. Rejects with the error of the server or the connection.
 */
export async function shortageOf(
  connection: Pick<Connection, 'wait' | 'waitOnDisk'>,
  { replicas, timeoutMs, onDisk }: Replication,
): Promise<string | undefined> {
  if (!onDisk) {
    const found = Number(await connection.wait(replicas, timeoutMs));
    return found >= replicas ? undefined : tooFew(found, replicas, 'acknowledged it', timeoutMs);
  }
  let reply: unknown;
  try {
    reply = await connection.waitOnDisk(replicas, timeoutMs);
  } catch (error) {
    if (error instanceof Error && /^ERR unknown command/i.test(error.message)) return NO_WAITAOF;
    throw error;
  }
  const [own, found] = Array.isArray(reply) ? reply.map(Number) : [];
  if (own !== 1) return `the node did not write it to disk within ${timeoutMs} ms`;
  return Number(found) >= replicas
    ? undefined
    : tooFew(Number(found), replicas, 'wrote it to disk', timeoutMs);
}

const tooFew = (found: number, replicas: number, did: string, timeoutMs: number): string =>
  `only ${found} of ${replicas} replicas ${did} within ${timeoutMs} ms`;
