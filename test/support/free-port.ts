import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * The ports of tests lie below those that the kernel hands out by itself, to clients and to servers that ask
 * for any port. So nothing takes the port of a server that a test has killed and starts again.
 */
const LOWEST = 10_000;
const PORTS_OF_WORKER = 1_000;
const WORKERS = 20;

/** Each worker of jest has ports of its own. Another run on the same machine begins at another one. */
const worker = Number(process.env['JEST_WORKER_ID'] ?? 0) % WORKERS;
let taken = randomInt(PORTS_OF_WORKER);

/** A port of 127.0.0.1 that nobody listens on, and that no other caller of this worker gets soon. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORTS_OF_WORKER; tries++) {
    taken = (taken + 1) % PORTS_OF_WORKER;
    const port = LOWEST + worker * PORTS_OF_WORKER + taken;
    if (await isFree(port)) return port;
  }
  throw new Error(`none of ${PORTS_OF_WORKER} ports is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
