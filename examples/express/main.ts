/** An HTTP service with Express: two requests never pay the same invoice at the same time, on any worker. */
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { register } from 'prom-client';
import { LockManager, LockNotAcquiredError, QuorumUnreachableError } from 'quorlock';
import { lockMetrics } from 'quorlock/prometheus';

const {
  QUORLOCK_NODES = 'redis://127.0.0.1:7001,redis://127.0.0.1:7002,redis://127.0.0.1:7003',
  HOST = '127.0.0.1',
  PORT = '3002',
} = process.env;
const PAYMENT_MS = 500;

const locks = new LockManager({ nodes: QUORLOCK_NODES.split(','), ttlMs: 10_000 });
locks.subscribe(lockMetrics());

const app = express();

app.post('/invoices/:id/pay', async ({ params: { id } }, response) => {
  // The key has the number of the invoice; the name, which becomes a label of metrics, has not.
  const receipt = await locks.withLock(
    `invoice:${id}`,
    { name: 'pay-invoice' },
    async ({ token, signal }) => {
      await sleep(PAYMENT_MS, undefined, { signal });
      return { id, token };
    },
  );
  response.status(201).json(receipt);
});

app.get('/health', (_request, response) => {
  const health = locks.health();
  response.status(health.status === 'down' ? 503 : 200).json(health);
});

app.get('/metrics', async (_request, response) => {
  response.set('Content-Type', register.contentType).send(await register.metrics());
});

/** 409: somebody else is at it. 503: nobody can be asked. The client may try again after both. */
app.use((error, _request, response, next) => {
  if (error instanceof LockNotAcquiredError) {
    const seconds = Math.max(1, Math.ceil(error.retryAfterMs / 1_000));
    response.status(409).set('Retry-After', `${seconds}`).json({ error: 'it is being paid' });
  } else if (error instanceof QuorumUnreachableError) {
    response.status(503).set('Retry-After', '1').json({ error: 'no lock can be acquired' });
  } else next(error);
});

const server = app.listen(Number(PORT), HOST, () => {
  console.log(`listening on port ${(server.address() as AddressInfo).port}`);
});

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    // Requests that are under way end first; then nothing is locked any more.
    server.close(() => void locks.close({ drainMs: 5_000 }).then(() => console.log('stopped')));
    server.closeIdleConnections();
  });
}
