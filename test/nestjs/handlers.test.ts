import { request as openRequest, type ClientRequest } from 'node:http';
import { connect } from 'node:http2';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  Controller,
  Get,
  Injectable,
  Query,
  RequestTimeoutException,
  Res,
  Sse,
  StreamableFile,
  UseInterceptors,
  type CallHandler,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Cron } from '@nestjs/schedule';
import { catchError, Observable, retry, shareReplay, take, throwError, timeout, TimeoutError } from 'rxjs';
import {
  currentLease,
  LeaseLostError,
  LockManager,
  memoryNode,
  type Lease,
  type LockNode,
} from '../../src/index.js';
import { DistributedLock, LockedHandler, RequestEndedError } from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { fragileNode, closedDoor, listen, start, type Application } from './support.js';

/** What a handler saw of its lease after its request had ended. */
interface Seen {
  readonly reason: unknown;
  readonly isHeld: boolean;
}

let door = closedDoor();
let doorOfPipe = closedDoor();
let seen: Seen[] = [];
let running = 0;
let calls = 0;
let most = 0;
let unsubscribed = 0;
let lastSignal: AbortSignal | undefined;
const unhandled = jest.fn();

beforeEach(() => {
  [door, doorOfPipe] = [closedDoor(), closedDoor()];
  seen = [];
  running = calls = most = unsubscribed = 0;
  unhandled.mockReset();
  process.on('unhandledRejection', unhandled);
  process.on('uncaughtException', unhandled);
});

afterEach(() => {
  process.off('unhandledRejection', unhandled);
  process.off('uncaughtException', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});

/** What every handler here does: it notes that it runs, waits, and looks at its lease. */
async function work<T>(result: T): Promise<T> {
  most = Math.max(most, ++running);
  const lease = currentLease() as Lease;
  const signal = (lastSignal = lease.signal);
  await door.promise;
  seen.push({ reason: signal.reason, isHeld: lease.remainingMs() > 0 });
  running--;
  return result;
}

/** Runs while it is subscribed to, and emits when the door opens. */
const working = (): Observable<{ data: string }> =>
  new Observable((subscriber) => {
    most = Math.max(most, ++running);
    void door.promise.then(() => {
      subscriber.next({ data: 'done' });
      subscriber.complete();
    });
    return () => {
      running--;
      unsubscribed++;
    };
  });

/** Nest's own example of an interceptor for timeouts. */
@Injectable()
class TimeoutInterceptor implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      timeout(100),
      catchError((error: unknown) =>
        throwError(() => (error instanceof TimeoutError ? new RequestTimeoutException() : error)),
      ),
    );
  }
}

@Injectable()
class RetryInterceptor implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(retry(1));
  }
}

/** Takes the first value and leaves, as by `firstValueFrom()`. */
@Injectable()
class FirstInterceptor implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(take(1));
  }
}

/** Does not stop what it has begun when the request ends. */
@Injectable()
class SharingInterceptor implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(shareReplay(1), timeout(100));
  }
}

@Injectable()
class SlowPipe implements PipeTransform {
  async transform(value: unknown): Promise<unknown> {
    await doorOfPipe.promise;
    return value;
  }
}

/** A stream that has more to read when the door has opened. */
function slowStream(): Readable {
  running++;
  const stream = new Readable({ read: () => undefined });
  stream.push('first');
  void door.promise.then(() => stream.push(null));
  stream.once('close', () => void running--);
  return stream;
}

/** Like the decorators of an application that put a function of their own, without a name, in the place. */
const wrapped = (_target: object, _property: string, descriptor: PropertyDescriptor): void => {
  const original = descriptor.value as (...args: unknown[]) => unknown;
  descriptor.value = function (this: unknown, ...args: unknown[]) {
    return original.apply(this, args);
  };
};

interface RawResponse {
  write(text: string): void;
  end(text: string): void;
}

function sendSlowly(response: RawResponse): void {
  running++;
  response.write('first');
  void door.promise.then(() => {
    running--;
    response.end('last');
  });
}

/** The same handlers under both decorators. */
function controllerWith(locked: (key: string) => MethodDecorator): new () => object {
  @Controller()
  class Handlers {
    @Get('times-out')
    @UseInterceptors(TimeoutInterceptor)
    @locked('times-out')
    async timesOut(): Promise<string> {
      return work('done');
    }

    @Get('times-out-outside')
    @locked('times-out-outside')
    @UseInterceptors(TimeoutInterceptor)
    async timesOutOutside(): Promise<string> {
      return work('done');
    }

    @Get('retried')
    @UseInterceptors(RetryInterceptor)
    @locked('retried')
    @UseInterceptors(TimeoutInterceptor)
    async retried(): Promise<string> {
      if (calls++ === 0) throw new Error('the first call fails');
      return work('done');
    }

    @Get('plain')
    @locked('plain')
    async plain(): Promise<string> {
      return work('done');
    }

    @Get('waits')
    @locked('waits')
    async waits(): Promise<string> {
      return work('done');
    }

    @Get('short')
    @locked('short')
    async short(): Promise<string> {
      return work('done');
    }

    @Get('observable')
    @locked('observable')
    async observable(): Promise<Observable<{ data: string }>> {
      return working();
    }

    @Get('shared')
    @UseInterceptors(SharingInterceptor)
    @locked('shared')
    async shared(): Promise<Observable<{ data: string }>> {
      lastSignal = currentLease()?.signal;
      return working();
    }

    @Get('first')
    @locked('first')
    @UseInterceptors(FirstInterceptor)
    async first(): Promise<StreamableFile> {
      lastSignal = currentLease()?.signal;
      return new StreamableFile(slowStream());
    }

    @Get('file')
    @locked('file')
    async file(): Promise<StreamableFile> {
      return new StreamableFile(slowStream());
    }

    @Get('iterable')
    @locked('iterable')
    async iterable(): Promise<AsyncIterable<string>> {
      return (async function* () {
        running++;
        try {
          yield 'first';
          await door.promise;
          yield 'last';
        } finally {
          running--;
        }
      })();
    }

    @Get('response')
    @locked('response')
    async response(@Res() response: RawResponse): Promise<void> {
      sendSlowly(response);
    }

    @Get('wrapped')
    @locked('wrapped')
    @wrapped
    async wrapped(@Res() response: RawResponse): Promise<void> {
      sendSlowly(response);
    }

    @Sse('events')
    @locked('events')
    async events(): Promise<Observable<{ data: string }>> {
      return working();
    }

    @Sse('setup')
    @locked('setup')
    async setup(): Promise<Observable<{ data: string }>> {
      await work(undefined);
      return working();
    }
  }
  return Handlers;
}

/** Like the query builders that begin when somebody waits for them. */
function lazyQuery(): PromiseLike<string> {
  const query = {};
  Reflect.set(query, 'then', (resolve: (result: string) => void) => {
    running++;
    resolve('done');
  });
  return query as PromiseLike<string>;
}

@Controller()
class Piped {
  @Cron('0 0 1 1 *')
  @Get('run-now')
  @UseInterceptors(RetryInterceptor)
  @DistributedLock({ key: 'run-now' })
  async runNow(): Promise<string> {
    return work('done');
  }

  @Get('piped')
  @UseInterceptors(TimeoutInterceptor)
  @LockedHandler({ key: 'piped' })
  async piped(@Query('id', SlowPipe) _id: string): Promise<string> {
    return work('done');
  }

  @Get('lazy')
  @LockedHandler({ key: 'lazy' })
  lazy(): PromiseLike<string> {
    return lazyQuery();
  }
}

interface Server extends Application {
  readonly url: string;
}

async function serve(controller: new () => object, node: LockNode = memoryNode()): Promise<Server> {
  const application = await start({ controllers: [controller] }, { nodes: [node] });
  return { ...application, url: await listen(application) };
}

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status;

/** A client that has got the beginning of its response, or waits for it, and may go away. */
function open(url: string): ClientRequest {
  const request = openRequest(url);
  request.on('error', () => undefined);
  request.on('response', (response) => response.resume().on('error', () => undefined));
  request.end();
  return request;
}

const releasedIn = ({ events }: Application): number =>
  events.filter(({ type }) => type === 'released').length;

const settingsOf = (key: string) => ({
  key,
  ttl: key === 'short' ? 0.3 : 30,
  ...(key === 'waits' ? { onHeld: 'wait' as const } : {}),
});

const DECORATORS: [string, (key: string) => MethodDecorator][] = [
  ['@LockedHandler', (key) => LockedHandler(settingsOf(key))],
  ['@DistributedLock', (key) => DistributedLock(settingsOf(key))],
];

describe.each(DECORATORS)('%s', (name, locked) => {
  const Handlers = controllerWith(locked);

  it.each(['times-out', 'times-out-outside', 'retried'])(
    `${name} holds the lock after a timeout until the promise has settled, and the signal aborts first (%s)`,
    async (path) => {
      const server = await serve(Handlers);
      const answers = [];
      for (let n = 0; n < 3; n++) answers.push(await statusOf(`${server.url}/${path}`));
      expect(answers).toEqual([408, 409, 409]);
      // Each try has a lease of its own under @DistributedLock.
      const ofFailedTry = path === 'retried' && name === '@DistributedLock' ? 1 : 0;
      expect(releasedIn(server)).toBe(ofFailedTry);
      door.open();
      await until(() => releasedIn(server) === ofFailedTry + 1);
      expect(seen).toEqual([{ reason: expect.any(RequestEndedError), isHeld: true }]);
      expect(most).toBe(1);
      expect(await statusOf(`${server.url}/${path}`)).toBe(200);
    },
  );

  it(`${name} holds the lock after the client has gone until the promise has settled, and the signal aborts first`, async () => {
    const server = await serve(Handlers);
    const client = open(`${server.url}/plain`);
    await until(() => running === 1);
    client.destroy();
    expect(await statusOf(`${server.url}/plain`)).toBe(409);
    door.open();
    await until(() => releasedIn(server) === 1);
    expect(seen).toEqual([{ reason: expect.any(RequestEndedError), isHeld: true }]);
    expect(server.log.of('ExceptionsHandler')).toEqual([]);
  });

  it(`${name} aborts the signal of a handler whose client has gone over HTTP/2`, async () => {
    const adapter = new FastifyAdapter({ http2: true }) as AbstractHttpAdapter;
    const server = await start({ controllers: [Handlers] }, { nodes: [memoryNode()] }, undefined, adapter);
    const session = connect(await listen(server));
    const leaves = session.request({ ':path': '/plain' });
    await until(() => running === 1);
    leaves.close();
    await new Promise((resolve) => leaves.once('close', resolve));
    await until(() => lastSignal?.aborted === true);
    door.open();
    await until(() => releasedIn(server) === 1);
    const stays = session.request({ ':path': '/plain' });
    const status = await new Promise((resolve) =>
      stays.once('response', (headers) => resolve(headers[':status'])),
    );
    expect(status).toBe(200);
    expect(seen).toEqual([
      { reason: expect.any(RequestEndedError), isHeld: true },
      { reason: undefined, isHeld: true },
    ]);
    session.destroy();
  });

  it(`${name} aborts no signal while the client waits for the result`, async () => {
    const server = await serve(Handlers);
    door.open();
    expect(await statusOf(`${server.url}/plain`)).toBe(200);
    expect(seen).toEqual([{ reason: undefined, isHeld: true }]);
  });

  it(`${name} does not run a handler whose client has gone while it waited for the lock`, async () => {
    const server = await serve(Handlers);
    const first = statusOf(`${server.url}/waits`);
    await until(() => running === 1);
    const second = open(`${server.url}/waits`);
    await until(() => server.events.some(({ type }) => type === 'waiting'));
    second.destroy();
    await until(() => server.events.some(({ type }) => type === 'aborted'));
    door.open();
    expect(await first).toBe(200);
    expect([most, seen.length]).toEqual([1, 1]);
    expect(server.log.of('ExceptionsHandler')).toEqual([]);
  });

  it(`${name} holds the lock until the Observable that the promise gives has ended`, async () => {
    const server = await serve(Handlers);
    const answering = statusOf(`${server.url}/observable`);
    await until(() => running === 1);
    expect(await statusOf(`${server.url}/observable`)).toBe(409);
    door.open();
    expect(await answering).toBe(200);
    expect(most).toBe(1);
    await until(() => releasedIn(server) === 1);
    expect(await statusOf(`${server.url}/observable`)).toBe(200);
  });

  it(`${name} holds the lock while an interceptor reads on that has answered already`, async () => {
    const server = await serve(Handlers);
    expect(await statusOf(`${server.url}/shared`)).toBe(500);
    expect([running, releasedIn(server), lastSignal?.aborted]).toEqual([1, 0, true]);
    door.open();
    await until(() => releasedIn(server) === 1);
  });

  it(`${name} aborts no signal where an interceptor takes the first value, which goes on`, async () => {
    const server = await serve(Handlers);
    const answer = await fetch(`${server.url}/first`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([running, releasedIn(server)]).toEqual([1, 0]);
    door.open();
    expect(await answer.text()).toBe('first');
    await until(() => releasedIn(server) === 1);
    expect(lastSignal?.aborted).toBe(false);
  });

  it.each(['file', 'iterable', 'response', 'wrapped', 'events'])(
    `${name} holds the lock until a response that is sent piece by piece has ended (%s)`,
    async (path) => {
      const server = await serve(Handlers);
      const answering = fetch(`${server.url}/${path}`);
      await until(() => running === 1);
      const answer = await answering;
      expect(answer.status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(releasedIn(server)).toBe(0);
      if (path !== 'events') expect(await statusOf(`${server.url}/${path}`)).toBe(409);
      door.open();
      await answer.text();
      await until(() => releasedIn(server) === 1);
      expect(running).toBe(0);
    },
  );

  it.each(['file', 'iterable', 'events'])(
    `${name} releases the lock when the client of such a response has gone (%s)`,
    async (path) => {
      const server = await serve(Handlers);
      const client = open(`${server.url}/${path}`);
      await until(() => running === 1);
      await new Promise((resolve) => setTimeout(resolve, 50));
      client.destroy();
      if (path === 'iterable') {
        // Its generator stands in the middle of a step, and goes on until that has ended.
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect([releasedIn(server), running]).toEqual([0, 1]);
        door.open();
      }
      await until(() => releasedIn(server) === 1);
      await until(() => running === 0);
    },
  );

  it(`${name} holds the lock until a handler of events has settled whose client has gone`, async () => {
    const server = await serve(Handlers);
    const client = open(`${server.url}/setup`);
    await until(() => running === 1);
    client.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(releasedIn(server)).toBe(0);
    door.open();
    await until(() => releasedIn(server) === 1);
    expect(seen).toEqual([{ reason: expect.any(RequestEndedError), isHeld: true }]);
    expect(unsubscribed).toBe(0);
    expect(server.log.of('DistributedLock', 'warn')).toEqual([]);
  });

  it(`${name} refuses a stream of events with 409, or with an event once its headers have been sent`, async () => {
    const node = memoryNode();
    const server = await serve(Handlers, node);
    const first = open(`${server.url}/events`);
    await until(() => running === 1);
    expect(await statusOf(`${server.url}/events`)).toBe(409);
    const ask = node.ask.bind(node);
    node.ask = (...args) => void setTimeout(() => ask(...args), 50);
    const refused = await fetch(`${server.url}/events`);
    expect(refused.status).toBe(200);
    expect(await refused.text()).toContain('event: error\n');
    expect(most).toBe(1);
    door.open();
    await until(() => releasedIn(server) === 1);
    first.destroy();
  });

  it(`${name} leaves the keys of a lost lease until the handler has stopped`, async () => {
    const node = fragileNode();
    const server = await serve(Handlers, node);
    const answering = statusOf(`${server.url}/short`);
    await until(() => running === 1);
    node.reachable = false;
    await until(() => server.events.some(({ type }) => type === 'lost'));
    const releases = (): number =>
      server.events.filter((event) => event.type === 'vote' && event.op === 'release').length;
    node.reachable = true;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([running, releases()]).toEqual([1, 0]);
    door.open();
    expect(await answering).toBe(503);
    await until(() => releases() === 1);
    expect(seen).toEqual([{ reason: expect.any(LeaseLostError), isHeld: false }]);
  });
});

describe('@LockedHandler', () => {
  it('@LockedHandler does not run a handler whose request has ended while the pipes ran', async () => {
    const server = await serve(Piped);
    expect(await statusOf(`${server.url}/piped?id=7`)).toBe(408);
    await until(() => releasedIn(server) === 1);
    doorOfPipe.open();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(most).toBe(0);
  });

  it('@LockedHandler calls the then of a lazy result once', async () => {
    const server = await serve(Piped);
    expect(await statusOf(`${server.url}/lazy`)).toBe(200);
    expect(running).toBe(1);
  });
});

it('@DistributedLock refuses each call of a retried request, also where its method has a schedule', async () => {
  const server = await serve(Piped);
  const lease = await server.app.get(LockManager).acquire('run-now');
  expect(await statusOf(`${server.url}/run-now`)).toBe(409);
  await lease.release();
});
