/**
 * One worker process: a Nest application with two locked jobs and a metrics endpoint. The demo controls it.
 */
import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { LockManager } from 'quorlock';
import { Jobs } from './jobs.js';
import type { DemoMessage } from './messages.js';
import { WorkerModule } from './worker-module.js';
import { settings, tell } from './worker-settings.js';

// When the demo ends, in any way, its workers end with it.
const leave = (): void => process.exit();
process.once('disconnect', leave);
// Ctrl-C reaches all processes of the terminal, but the demo ends its workers itself.
process.on('SIGINT', () => undefined);

/** Passes on warnings and errors. Other lines are left out: all workers but one log a skip at every tick. */
const logger: LoggerService = {
  log: () => undefined,
  warn: (...parts: unknown[]) => tell({ type: 'warning', text: textOf(parts) }),
  error: (...parts: unknown[]) => tell({ type: 'warning', text: textOf(parts) }),
};

/** The text of a log line. Nest's last part is the context. One line of an error is enough here. */
function textOf(parts: readonly unknown[]): string {
  const texts = parts.filter((part) => part !== undefined).map(shown);
  return `[${texts.at(-1)}] ${texts.slice(0, -1).join(' ')}`;
}

function shown(part: unknown): string {
  if (part instanceof Error) return `${part.name}: ${part.message}`;
  return typeof part === 'string' ? part : inspect(part);
}

const app = await NestFactory.create(WorkerModule, { logger, abortOnError: false });
await app.listen(0, '127.0.0.1');
const { port } = (app.getHttpServer() as Server).address() as AddressInfo;

process.on('message', (message: DemoMessage) => {
  if (message === 'finish')
    void app
      .get(Jobs)
      .finish()
      .then(() => tell({ type: 'finished' }));
  else void app.close().then(end);
});

/**
 * Closes the channel to the demo. Now nothing should keep this process alive; otherwise the demo reports it.
 */
function end(): void {
  process.off('disconnect', leave);
  process.disconnect();
}

const locks = app.get(LockManager);
const reached = (): number => locks.nodes().filter(({ status }) => status === 'ready').length;
while (reached() < settings.nodesNeeded) await sleep(20);
tell({ type: 'ready', metricsPort: port });
