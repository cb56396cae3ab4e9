import { describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern, Server } from '@nestjs/microservices';
import { LockManager } from '../../src/index.js';
import { DistributedLock, LockedHandler } from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { closedDoor, start } from './support.js';

let door = closedDoor();
let running = 0;

async function body(): Promise<string> {
  running++;
  await door.promise;
  return 'done';
}

@Controller()
class Methods {
  @MessagePattern('method')
  @DistributedLock({ key: 'method' })
  async method(): Promise<string> {
    return body();
  }

  @MessagePattern('handler')
  @LockedHandler({ key: 'handler' })
  async handler(): Promise<string> {
    return body();
  }
}

/** A transport that writes when a turn ends, and like that of NATS drops the rest once it is closed. */
class Strategy extends Server {
  readonly sent: unknown[] = [];
  #isClosed = false;

  listen(listening: () => void): void {
    listening();
  }

  close(): void {
    this.#isClosed = true;
  }

  on(): void {}

  unwrap(): never {
    throw new Error('there is no server');
  }

  /** Handles a message as Nest's servers do. */
  async receive(pattern: string): Promise<void> {
    const result = await this.getHandlerByPattern(pattern)!({});
    const write = (response: unknown): void => {
      if (!this.#isClosed && response !== undefined) this.sent.push(response);
    };
    this.send(this.transformToObservable(result), ({ response }) => void setImmediate(write, response));
  }
}

describe('app.close() while a message is handled', () => {
  it.each(['method', 'handler'])('sends the reply before the transport is closed (%s)', async (pattern) => {
    door = closedDoor();
    running = 0;
    const { app } = await start({ controllers: [Methods] }, { drainMs: 30_000 });
    const strategy = new Strategy();
    app.connectMicroservice({ strategy }, { inheritAppConfig: true });
    await app.startAllMicroservices();
    const handled = strategy.receive(pattern);
    await until(() => running > 0);
    const closing = app.close();
    await until(() => app.get(LockManager).closed);
    door.open();
    await Promise.all([handled, closing]);
    expect(strategy.sent).toEqual(['done']);
  });
});
