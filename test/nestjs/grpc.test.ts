import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall, Server, Transport, type MessageHandler } from '@nestjs/microservices';
import { lastValueFrom, type Observable } from 'rxjs';
import { currentLease, LockManager } from '../../src/index.js';
import { DistributedLock, LockedHandler } from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { fragileNode, start } from './support.js';

/** Status codes of gRPC. */
const ABORTED = 10;
const UNAVAILABLE = 14;

const rejectionOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (resolved) => ({ resolved }),
    (error: unknown) => error,
  );

const signals: AbortSignal[] = [];
const goOn = new EventEmitter();

/** A body that goes on until it is told to end. */
async function body(): Promise<object> {
  signals.push(currentLease()!.signal);
  await EventEmitter.once(goOn, 'end');
  return { text: 'done' };
}

@Controller()
class Methods {
  @GrpcMethod('Invoices', 'Pay')
  @DistributedLock({ key: 'invoice', keyPath: 'id' })
  async pay(_request: unknown): Promise<object> {
    return body();
  }

  @GrpcMethod('Invoices', 'PayAsHandler')
  @LockedHandler({ key: 'invoice', keyPath: 'id' })
  async payAsHandler(): Promise<object> {
    return body();
  }

  @GrpcMethod('Invoices', 'PayByService')
  async payByService(): Promise<object> {
    return Methods.locks!.withLock('invoice:7', body);
  }

  static locks: LockManager | undefined;
}

/** Calls handlers as Nest's server of gRPC does: with the request, the metadata and the call. */
class Strategy extends Server {
  override readonly transportId = Transport.GRPC;

  listen(listening: () => void): void {
    listening();
  }

  close(): void {}

  on(): void {}

  unwrap(): never {
    throw new Error('there is no server');
  }

  async call(rpc: string, call: Call): Promise<unknown> {
    const [, handler] = [...this.messageHandlers].find(([pattern]) => pattern.includes(`"${rpc}"`))!;
    const handle = handler as (...args: readonly unknown[]) => ReturnType<MessageHandler>;
    const result = await handle({ id: '7' }, {}, call);
    return lastValueFrom(result as Observable<unknown>);
  }
}

/** A call as @grpc/grpc-js makes it, as far as it is looked at. */
class Call extends EventEmitter {
  sendMetadata(): void {}

  getPeer(): string {
    return '127.0.0.1:1';
  }
}

async function serve() {
  const node = fragileNode();
  const setting = await start({ controllers: [Methods] }, { nodes: [node] });
  const strategy = new Strategy();
  setting.app.connectMicroservice({ strategy }, { inheritAppConfig: true });
  await setting.app.startAllMicroservices();
  Methods.locks = setting.app.get(LockManager);
  return { ...setting, node, strategy };
}

describe('a method of gRPC', () => {
  it.each(['Pay', 'PayAsHandler', 'PayByService'])(
    'that is refused answers with the status ABORTED while its lock is held, and else with UNAVAILABLE (%s)',
    async (rpc) => {
      const { app, node, strategy } = await serve();
      await using lease = await app.get(LockManager).acquire('invoice:7');
      expect(await rejectionOf(strategy.call(rpc, new Call()))).toMatchObject({
        code: ABORTED,
        details: 'Locked by another request, try again later',
      });
      node.reachable = false;
      expect(await rejectionOf(strategy.call(rpc, new Call()))).toMatchObject({
        code: UNAVAILABLE,
        details: 'The lock service cannot be reached, try again later',
      });
      node.reachable = true;
      await lease.release();
    },
  );

  it.each(['Pay', 'PayAsHandler'])(
    'whose client has gone is told by the signal, and holds the lock until it has ended (%s)',
    async (rpc) => {
      const { app, strategy } = await serve();
      const call = new Call();
      signals.length = 0;
      const answer = strategy.call(rpc, call).catch(() => undefined);
      await until(() => signals.length > 0);
      call.emit('cancelled', 'cancelled');
      expect(signals[0]!.reason).toMatchObject({ code: 'REQUEST_ENDED' });
      expect(await app.get(LockManager).inspect('invoice:7')).toMatchObject({ status: 'held' });
      goOn.emit('end');
      await answer;
      await until(async () => (await app.get(LockManager).inspect('invoice:7')).status === 'free');
    },
  );

  it.each([
    ['@DistributedLock', DistributedLock({ key: 'job' })],
    ['@LockedHandler', LockedHandler({ key: 'job' })],
  ])('that takes the call alone stops the start: nobody would hear of a refusal (%s)', async (name, lock) => {
    @Controller()
    class Raw {
      async talk(_call: unknown): Promise<void> {}
    }
    const descriptor = Object.getOwnPropertyDescriptor(Raw.prototype, 'talk')!;
    lock(Raw.prototype, 'talk', descriptor);
    GrpcStreamCall('Invoices', 'Talk')(Raw.prototype, 'talk', descriptor);
    Object.defineProperty(Raw.prototype, 'talk', descriptor);
    await expect(start({ controllers: [Raw] })).rejects.toThrow(
      `Raw.talk has ${name}, and @GrpcStreamCall: Nest does not look at the promise of such a method`,
    );
  });
});
