import { EventEmitter } from 'node:events';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import {
  Catch,
  ConflictException,
  Controller,
  Get,
  HttpException,
  Injectable,
  SetMetadata,
  UseFilters,
  type ArgumentsHost,
  type ExceptionFilter,
  type INestApplication,
} from '@nestjs/common';
import { FILTER_CATCH_EXCEPTIONS } from '@nestjs/common/constants.js';
import { ExternalContextCreator, type HttpAdapterHost } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import {
  ClientProxyFactory,
  type ClientProxy,
  EventPattern,
  MessagePattern,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { lastValueFrom, type Observable } from 'rxjs';
import { LockManager, LockNotAcquiredError, QuorumUnreachableError } from '../../src/index.js';
import {
  DistributedLock,
  LockedHandler,
  LockExceptionFilter,
  LockGraphQLError,
} from '../../src/nestjs/index.js';
import { callersOf } from '../../src/nestjs/refusal/caller.js';
import { loadMessageException, toMessageException } from '../../src/nestjs/refusal/message-exceptions.js';
import { until } from '../support/until.js';
import { fragileNode, listen, start, type Application } from './support.js';

const HOLDER = 'host-of-the-holder:4711';
let runs = 0;

/** A stand-in for `@Mutation` of @nestjs/graphql: what it writes on a method. */
const Mutation = (): MethodDecorator => SetMetadata('graphql:resolver_type', 'Mutation');
/** The same for `@Process` of @nestjs/bull and `@Processor` of @nestjs/bullmq. */
const Process = (): MethodDecorator => SetMetadata('bull:module_queue_process', {});
const Processor = (): ClassDecorator => SetMetadata('bullmq:processor_metadata', { name: 'queue' });

const body = async (): Promise<string> => {
  runs++;
  return 'done';
};

@Injectable()
class Service {
  @DistributedLock({ key: 'job', onHeld: 'throw' })
  async work(): Promise<string> {
    return body();
  }
}

@Controller()
class Places {
  constructor(private readonly service: Service) {}

  @Get('by-service')
  async byService(): Promise<string> {
    return this.service.work();
  }

  @Get('by-manager')
  async byManager(): Promise<string> {
    return Places.locks!.withLock('job', body);
  }

  static locks: LockManager | undefined;

  @MessagePattern('rpc')
  @DistributedLock({ key: 'job' })
  async rpc(): Promise<string> {
    return body();
  }

  @MessagePattern('rpc-by-service')
  async rpcByService(): Promise<string> {
    return this.service.work();
  }

  @MessagePattern('rpc-as-handler')
  @LockedHandler({ key: 'job' })
  async rpcAsHandler(): Promise<string> {
    return body();
  }

  @Get('both')
  @MessagePattern('both')
  @DistributedLock({ key: 'job' })
  async both(): Promise<string> {
    return body();
  }

  @Get('both-as-handler')
  @MessagePattern('both-as-handler')
  @LockedHandler({ key: 'job' })
  async bothAsHandler(): Promise<string> {
    return body();
  }

  @EventPattern('event')
  @DistributedLock({ key: 'job' })
  async event(_data: unknown): Promise<string> {
    return body();
  }
}
Reflect.defineMetadata('design:paramtypes', [Service], Places);

@Injectable()
class Resolver {
  constructor(private readonly service: Service) {}

  @Mutation()
  @DistributedLock({ key: 'job' })
  async mutate(): Promise<string> {
    return body();
  }

  @Mutation()
  async mutateByService(): Promise<string> {
    return this.service.work();
  }

  @Mutation()
  @LockedHandler({ key: 'job' })
  async mutateAsHandler(): Promise<string> {
    return body();
  }
}
Reflect.defineMetadata('design:paramtypes', [Service], Resolver);

@WebSocketGateway()
class Gateway {
  constructor(private readonly service: Service) {}

  @SubscribeMessage('locked')
  @DistributedLock({ key: 'job' })
  async locked(): Promise<string> {
    return body();
  }

  // Nest applies no filters of the whole application to gateways.
  @UseFilters(LockExceptionFilter)
  @SubscribeMessage('by-service')
  async byService(): Promise<string> {
    return this.service.work();
  }

  @SubscribeMessage('as-handler')
  @LockedHandler({ key: 'job' })
  async asHandler(): Promise<string> {
    return body();
  }
}
Reflect.defineMetadata('design:paramtypes', [Service], Gateway);

@Processor()
@Injectable()
class Worker {
  @DistributedLock({ key: 'job' })
  async process(_job: unknown, _token?: string): Promise<string> {
    return body();
  }

  @Process()
  @DistributedLock({ key: 'job' })
  async ofBull(_job: unknown): Promise<string> {
    return body();
  }

  @Process()
  @DistributedLock({ key: 'job', onHeld: 'skip' })
  async skips(_job: unknown): Promise<string | undefined> {
    return body();
  }

  /** No processor: BullMQ calls `process()` only. */
  @DistributedLock({ key: 'job' })
  async other(): Promise<string> {
    return body();
  }
}

/** A server of sockets whose clients are event emitters, as those of socket.io are. */
class EmitterAdapter {
  readonly server = new EventEmitter();
  create(): EventEmitter {
    return this.server;
  }
  bindClientConnect(server: EventEmitter, callback: (client: unknown) => void): void {
    server.on('connection', callback);
  }
  bindMessageHandlers(
    client: EventEmitter,
    handlers: readonly { message: string; callback: (data: unknown) => Promise<Observable<unknown>> }[],
    transform: (result: unknown) => Observable<unknown>,
  ): void {
    for (const { message, callback } of handlers) {
      client.on(message, (data) => {
        void callback(data).then((result) =>
          transform(result).subscribe((answer) => {
            if (answer !== undefined) client.emit('answer', answer);
          }),
        );
      });
    }
  }
  close(): void {}
  dispose(): void {}
}

type Setting = Application & { node: ReturnType<typeof fragileNode>; adapter: EmitterAdapter };

/** An application with all these places, while another worker holds the lock. */
async function whileHeld(prepare: (app: INestApplication) => void = () => undefined): Promise<Setting> {
  runs = 0;
  const node = fragileNode();
  const adapter = new EmitterAdapter();
  const other = new LockManager({ nodes: [node], holder: HOLDER, warn: () => undefined });
  await other.acquire('job', { ttlMs: 20_000 });
  const application = await start(
    { controllers: [Places], providers: [Service, Resolver, Gateway, Worker] },
    { nodes: [node] },
    (app) => {
      app.useWebSocketAdapter(adapter as never);
      prepare(app);
    },
  );
  Places.locks = application.app.get(LockManager);
  return { ...application, node, adapter };
}

const rejectionOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ resolved: value }),
    (error: unknown) => error,
  );

/** All that can be read of an error but its cause, which stays in the process. */
const shown = (error: unknown): string =>
  JSON.stringify(error) + String((error as Error | undefined)?.message);

describe('a route', () => {
  it.each(['by-service', 'by-manager'])(
    "a route whose handler lets a lock's error through answers 409 or 503 (%s)",
    async (path) => {
      const setting = await whileHeld();
      const url = `${await listen(setting)}/${path}`;
      const refused = await fetch(url);
      expect(refused.status).toBe(409);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(await refused.text()).not.toContain(HOLDER);
      setting.node.reachable = false;
      expect((await fetch(url)).status).toBe(503);
      setting.app.get(LockManager).drain();
      expect((await fetch(url)).status).toBe(503);
      expect(setting.log.of('ExceptionsHandler')).toEqual([]);
      expect(runs).toBe(0);
    },
  );

  it('a global filter that catches everything comes before the filter of the module', async () => {
    @Catch()
    class Everything implements ExceptionFilter {
      catch(error: Error, host: ArgumentsHost): void {
        host
          .switchToHttp()
          .getResponse<{ status(code: number): { json(body: object): void } }>()
          .status(418)
          .json({ name: error.name });
      }
    }
    const setting = await whileHeld((app) => app.useGlobalFilters(new Everything()));
    const answer = await fetch(`${await listen(setting)}/by-service`);
    expect([answer.status, await answer.json()]).toEqual([418, { name: 'LockNotAcquiredError' }]);
  });
});

describe('a resolver of GraphQL', () => {
  it.each(['mutate', 'mutateByService', 'mutateAsHandler'] as const)(
    'a refused resolver fails with an extension code, and does not tell who holds the lock (%s)',
    async (property) => {
      const { app, log } = await whileHeld();
      const resolver = app.get(Resolver);
      const resolve = app
        .get(ExternalContextCreator)
        .create(
          resolver,
          resolver[property],
          property,
          undefined,
          undefined,
          undefined,
          undefined,
          undefined,
          'graphql',
        );
      const error = await rejectionOf(resolve({}, {}, {}, {}) as Promise<unknown>);
      expect(error).toBeInstanceOf(LockGraphQLError);
      expect(error).not.toBeInstanceOf(HttpException);
      expect(error).toMatchObject({
        message: 'Locked by another request, try again later',
        extensions: { code: 'LOCK_NOT_ACQUIRED', retryAfterSeconds: expect.any(Number) },
        cause: expect.any(LockNotAcquiredError),
      });
      expect(shown(error)).not.toContain(HOLDER);
      expect(log.of('ExceptionsHandler')).toEqual([]);
      expect(runs).toBe(0);
    },
  );
});

describe('a handler of a microservice', () => {
  it('a refused handler of a microservice rejects with an RpcException', async () => {
    const { app } = await whileHeld();
    for (const call of [app.get(Places).rpc(), app.get(Places).event({})]) {
      const error = await rejectionOf(call);
      expect(error).toBeInstanceOf(RpcException);
      expect((error as RpcException).getError()).toEqual({
        status: 'error',
        code: 'LOCK_NOT_ACQUIRED',
        message: 'Locked by another request, try again later',
        retryAfterSeconds: expect.any(Number),
      });
      expect(shown(error)).not.toContain(HOLDER);
    }
    expect(runs).toBe(0);
  });

  /** The microservice of an application while another worker holds the lock, and a client of it. */
  async function connect(): Promise<{ setting: Setting; client: ClientProxy }> {
    const setting = await whileHeld();
    const service = setting.app.connectMicroservice(
      { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } },
      { inheritAppConfig: true },
    );
    await setting.app.startAllMicroservices();
    const { port } = service.unwrap<NetServer>().address() as AddressInfo;
    const options = { host: '127.0.0.1', port };
    return { setting, client: ClientProxyFactory.create({ transport: Transport.TCP, options }) };
  }

  it.each(['rpc', 'rpc-by-service', 'rpc-as-handler', 'both', 'both-as-handler'])(
    'a refused handler of a microservice answers its client with a code (%s)',
    async (pattern) => {
      const { setting, client } = await connect();
      const error = await rejectionOf(lastValueFrom(client.send(pattern, {})));
      await client.close();
      expect(error).toMatchObject({ status: 'error', code: 'LOCK_NOT_ACQUIRED' });
      expect(shown(error)).not.toContain(HOLDER);
      expect(setting.log.of('RpcExceptionsHandler')).toEqual([]);
    },
  );

  it('a route that is a handler of messages too refuses a request in the way of HTTP', async () => {
    const { setting, client } = await connect();
    await client.close();
    const url = await listen(setting);
    for (const path of ['both', 'both-as-handler'])
      expect((await fetch(`${url}/${path}`)).headers.get('retry-after')).toMatch(/^\d+$/);
    // The exceptions of both are loaded at the start.
    expect(callersOf(Places.prototype, 'both', [Places.prototype.both])).toEqual(['http', 'rpc']);
  });

  it('a refused event, of whose failure no client hears, is reported by Nest', async () => {
    const { setting, client } = await connect();
    await lastValueFrom(client.emit('event', {}));
    await until(() => setting.log.of('RpcExceptionsHandler').length > 0);
    await client.close();
    expect(setting.log.of('RpcExceptionsHandler')).toEqual([
      'Error: Locked by another request, try again later',
    ]);
    expect(runs).toBe(0);
  });
});

describe('a message of a WebSocket', () => {
  it('a refused handler of a gateway rejects with a WsException', async () => {
    const { app } = await whileHeld();
    const error = await rejectionOf(app.get(Gateway).locked());
    expect(error).toBeInstanceOf(WsException);
    expect((error as WsException).getError()).toMatchObject({ status: 'error', code: 'LOCK_NOT_ACQUIRED' });
    expect(shown(error)).not.toContain(HOLDER);
    expect(runs).toBe(0);
  });

  it.each(['locked', 'by-service', 'as-handler'])(
    'a refused message of a WebSocket gets an answer with a code (%s)',
    async (message) => {
      const { adapter, log } = await whileHeld();
      const client = new EventEmitter();
      const heard: unknown[] = [];
      for (const event of ['exception', 'answer']) client.on(event, (payload) => heard.push(event, payload));
      adapter.server.emit('connection', client);
      client.emit(message, {});
      await until(() => heard.length > 0);
      expect(heard).toEqual([
        'exception',
        expect.objectContaining({ status: 'error', code: 'LOCK_NOT_ACQUIRED' }),
      ]);
      expect(shown(heard)).not.toContain(HOLDER);
      expect(log.of('WsExceptionsHandler')).toEqual([]);
    },
  );
});

describe('a job of a queue', () => {
  it('a job of BullMQ is delayed until its lock can be free', async () => {
    const { app } = await whileHeld();
    const delays: { ms: number; token: string }[] = [];
    const moveToDelayed = async (at: number, token: string): Promise<void> =>
      void delays.push({ ms: at - Date.now(), token });
    const error = await rejectionOf(app.get(Worker).process({ moveToDelayed }, 'token-of-the-job'));
    expect(error).toMatchObject({ name: 'DelayedError', message: 'bullmq:movedToDelayed' });
    expect(delays).toEqual([{ ms: expect.any(Number), token: 'token-of-the-job' }]);
    expect(delays[0]!.ms).toBeGreaterThan(10_000);
    expect(delays[0]!.ms).toBeLessThanOrEqual(20_000);
    expect(runs).toBe(0);
  });

  it('a job of BullMQ is delayed while no quorum can be reached', async () => {
    const { app, node, log } = await whileHeld();
    node.reachable = false;
    let delayMs = 0;
    const job = { token: 'its own', moveToDelayed: async (at: number) => (delayMs = at - Date.now()) };
    expect(await rejectionOf(app.get(Worker).process(job))).toMatchObject({ name: 'DelayedError' });
    expect(delayMs).toBeGreaterThan(1_000);
    expect(log.of('DistributedLock', 'error')).toEqual([expect.stringMatching(/^Lock not acquired: /)]);
  });

  it("a job that cannot be delayed fails with the lock's error", async () => {
    const { app } = await whileHeld();
    const worker = app.get(Worker);
    expect(await rejectionOf(worker.process({}))).toBeInstanceOf(LockNotAcquiredError);
    expect(await rejectionOf(worker.ofBull({ id: 7 }))).toBeInstanceOf(LockNotAcquiredError);
    const failing = { moveToDelayed: () => Promise.reject(new Error('lost its place')) };
    expect(await rejectionOf(worker.process(failing, 'token'))).toMatchObject({
      message: expect.stringContaining('"job" is held'),
      errors: [expect.any(LockNotAcquiredError), new Error('lost its place')],
    });
    expect(runs).toBe(0);
  });

  it('a job with onHeld skip is completed only where another worker has the lock', async () => {
    const { app, node } = await whileHeld();
    const worker = app.get(Worker);
    expect(await rejectionOf(worker.skips({}))).toEqual({ resolved: undefined });
    node.reachable = false;
    expect(await rejectionOf(worker.skips({}))).toBeInstanceOf(QuorumUnreachableError);
  });

  it('another method than process() of a processor is skipped', async () => {
    const { app } = await whileHeld();
    expect(await rejectionOf(app.get(Worker).other())).toEqual({ resolved: undefined });
  });
});

it("a service with onHeld throw rejects with the lock's own error", async () => {
  const { app } = await whileHeld();
  const error = await rejectionOf(app.get(Service).work());
  expect(error).toBeInstanceOf(LockNotAcquiredError);
  expect(error).not.toBeInstanceOf(ConflictException);
});

describe('LockExceptionFilter at a gateway', () => {
  it('answers a WebSocket of the package ws for our WsException, whom Nest 11 does not answer', async () => {
    await loadMessageException('websocket');
    const refusal = { code: 'LOCK_NOT_ACQUIRED', message: 'Locked', retryAfterSeconds: 7 };
    const exception = toMessageException('websocket', refusal, new Error('why'));
    expect(exception).toBeInstanceOf(WsException);
    const caught = Reflect.getMetadata(FILTER_CATCH_EXCEPTIONS, LockExceptionFilter) as (new () => unknown)[];
    const isCaught = (one: unknown): boolean => caught.some((kind) => one instanceof kind);
    expect([exception, new WsException('another'), null].map(isCaught)).toEqual([true, false, false]);

    const sent: unknown[] = [];
    const client = { readyState: 1, send: (text: string) => sent.push(JSON.parse(text)) };
    const host = new ExecutionContextHost([client, {}]);
    host.setType('ws');
    new LockExceptionFilter({} as HttpAdapterHost).catch(exception, host);
    expect(sent).toEqual([{ event: 'exception', data: { status: 'error', ...refusal } }]);
  });
});
