import type { EventEmitter } from 'node:events';
import { request as openRequest, type ClientRequest } from 'node:http';
import { Readable } from 'node:stream';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  Controller,
  ForbiddenException,
  Get,
  Injectable,
  Param,
  ParseIntPipe,
  Res,
  Sse,
  StreamableFile,
  UseFilters,
  UseGuards,
  type CanActivate,
} from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { GraphQLModule, GraphQLSchemaHost, Mutation, Query, Resolver, Subscription } from '@nestjs/graphql';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { parse, subscribe } from 'graphql';
import { Observable } from 'rxjs';
import { WebSocket } from 'ws';
import { currentLease, LockManager } from '../../src/index.js';
import {
  DistributedLock,
  LockedHandler,
  LockExceptionFilter,
  RequestEndedError,
} from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { closedDoor, fragileNode, listen, start, type Application } from './support.js';

const HOLDER = 'host-of-the-holder:4711';
let door = closedDoor();
let runs = 0;
/** Why the signals of subscriptions aborted. */
let reasons: unknown[] = [];
const escaped: unknown[] = [];
const onEscaped = (error: unknown): void => void escaped.push(error);

beforeEach(() => {
  door = closedDoor();
  runs = 0;
  reasons = [];
  escaped.length = 0;
  process.on('unhandledRejection', onEscaped);
  process.on('uncaughtException', onEscaped);
});

afterEach(() => {
  process.off('unhandledRejection', onEscaped);
  process.off('uncaughtException', onEscaped);
  expect(escaped).toEqual([]);
});

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

type Setting = Application & { node: ReturnType<typeof fragileNode>; other: LockManager };
type Metadata = Parameters<typeof start>[0];

/** An application on a node that another worker, whose name no client may see, locks on too. */
async function serve(
  metadata: Metadata,
  adapter: AbstractHttpAdapter,
  prepare?: Parameters<typeof start>[2],
): Promise<Setting> {
  const node = fragileNode();
  const other = new LockManager({ nodes: [node], holder: HOLDER, warn: () => undefined });
  const application = await start(
    { ...metadata, providers: [Service, ...(metadata.providers ?? [])] },
    { nodes: [node] },
    prepare,
    adapter,
  );
  return { ...application, node, other };
}

const numberOfReleases = ({ events }: Setting): number =>
  events.filter(({ type }) => type === 'released').length;

const events = (): Observable<{ data: string }> =>
  new Observable((subscriber) => {
    subscriber.next({ data: 'first' });
    void door.promise.then(() => {
      subscriber.next({ data: 'last' });
      subscriber.complete();
    });
  });

@Injectable()
class Nobody implements CanActivate {
  canActivate(): boolean {
    throw new ForbiddenException('nobody');
  }
}

/** The part of a response that Express and Fastify have in common. */
interface AnyResponse {
  readonly raw?: AnyResponse;
  write(text: string): void;
  end(text: string): void;
}

@Controller()
class Routes {
  constructor(private readonly service: Service) {}

  @Get('method')
  @DistributedLock({ key: 'job' })
  async method(): Promise<string> {
    return body();
  }

  @Get('handler')
  @LockedHandler({ key: 'job' })
  async handler(): Promise<string> {
    return body();
  }

  @Get('service')
  async byService(): Promise<string> {
    return this.service.work();
  }

  @Get('guarded')
  @UseGuards(Nobody)
  @LockedHandler({ key: 'job' })
  guarded(): string {
    return 'done';
  }

  @Get('piped/:id')
  @DistributedLock({ key: (_id: number) => 'job' })
  async piped(@Param('id', ParseIntPipe) _id: number): Promise<string> {
    return body();
  }

  @Get('file')
  @LockedHandler({ key: 'job' })
  file(): StreamableFile {
    const stream = new Readable({ read: () => undefined });
    stream.push('first ');
    void door.promise.then(() => {
      stream.push('last');
      stream.push(null);
    });
    return new StreamableFile(stream);
  }

  @Get('response')
  @DistributedLock({ key: 'job' })
  async response(@Res() response: AnyResponse): Promise<void> {
    const raw = response.raw ?? response;
    raw.write('first ');
    void door.promise.then(() => raw.end('last'));
  }

  @Sse('events')
  @LockedHandler({ key: 'job' })
  events(): Observable<{ data: string }> {
    return events();
  }

  @Sse('async-events')
  @DistributedLock({ key: 'job' })
  async asyncEvents(): Promise<Observable<{ data: string }>> {
    return events();
  }
}

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter() as AbstractHttpAdapter],
])('routes of %s', (name, adapter) => {
  const routes = (): Promise<Setting> => serve({ controllers: [Routes], providers: [Nobody] }, adapter());

  it.each(['method', 'handler', 'service'])(
    `a refused route of ${name} answers 409 with Retry-After, or 503 (%s)`,
    async (path) => {
      const setting = await routes();
      const url = `${await listen(setting)}/${path}`;
      await setting.other.acquire('job', { ttlMs: 20_000 });
      const held = await fetch(url);
      expect([held.status, held.headers.get('retry-after')]).toEqual([409, expect.stringMatching(/^\d+$/)]);
      expect(await held.text()).not.toContain(HOLDER);
      setting.node.reachable = false;
      expect((await fetch(url)).status).toBe(503);
      setting.app.get(LockManager).drain();
      expect((await fetch(url)).status).toBe(503);
      expect(setting.log.of('ExceptionsHandler')).toEqual([]);
      expect(runs).toBe(0);
    },
  );

  it.each([
    ['guarded', 403],
    ['piped/seven', 400],
  ])(
    `a guard, and a pipe before a locked method, come before the lock in ${name} (%s)`,
    async (path, status) => {
      const setting = await routes();
      const url = await listen(setting);
      await setting.other.acquire('job', { ttlMs: 20_000 });
      expect((await fetch(`${url}/${path}`)).status).toBe(status);
      expect(setting.events.filter(({ type }) => type === 'failed')).toEqual([]);
    },
  );

  it.each(['file', 'response', 'events', 'async-events'])(
    `a response that ${name} sends piece by piece is locked to its end (%s)`,
    async (path) => {
      const setting = await routes();
      const url = `${await listen(setting)}/${path}`;
      const answer = await fetch(url);
      expect(answer.status).toBe(200);
      const refused = await fetch(url);
      expect(refused.status).toBe(409);
      expect(await refused.text()).not.toContain('first');
      expect(numberOfReleases(setting)).toBe(0);
      door.open();
      expect(await answer.text()).toMatch(/first[\s\S]*last/);
      await until(() => numberOfReleases(setting) === 1);
    },
  );

  it(`a client of ${name} that goes away releases the lock of its response`, async () => {
    const setting = await routes();
    const url = `${await listen(setting)}/file`;
    const leaving = openRequest(url).on('error', () => undefined);
    leaving.on('response', () => leaving.destroy()).end();
    await until(() => numberOfReleases(setting) === 1);
  });
});

/** Waits in a step for an event that does not come, until its signal says that its client has gone. */
async function* news(): AsyncGenerator<string> {
  const { signal } = currentLease()!;
  yield 'first';
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  reasons.push(signal.reason);
}

@Resolver()
class Resolvers {
  constructor(private readonly service: Service) {}

  @Subscription(() => String, { resolve: (value: string) => value })
  @LockedHandler({ key: 'job' })
  async newsOfHandler(): Promise<AsyncIterable<string>> {
    return news();
  }

  @Subscription(() => String, { resolve: (value: string) => value })
  @DistributedLock({ key: 'job' })
  async newsOfMethod(): Promise<AsyncIterable<string>> {
    return news();
  }

  @Mutation(() => String, { nullable: true })
  @LockedHandler({ key: 'job' })
  async mutation(): Promise<string> {
    return body();
  }

  @Query(() => String, { nullable: true })
  @DistributedLock({ key: 'job' })
  async method(): Promise<string> {
    return body();
  }

  @Query(() => String, { nullable: true })
  @LockedHandler({ key: 'job' })
  async handler(): Promise<string> {
    return body();
  }

  @Query(() => String, { nullable: true })
  async byService(): Promise<string> {
    return this.service.work();
  }

  @Query(() => String, { nullable: true })
  @LockedHandler({ key: 'job', onHeld: 'wait', wait: true })
  async waitingHandler(): Promise<string> {
    return body();
  }

  @Query(() => String, { nullable: true })
  @DistributedLock({ key: 'job', onHeld: 'wait', wait: true })
  async waitingMethod(): Promise<string> {
    return body();
  }

  @Mutation(() => String, { nullable: true })
  @LockedHandler({ key: 'job' })
  async longHandler(): Promise<string> {
    return reasonOfEnd();
  }

  @Mutation(() => String, { nullable: true })
  @DistributedLock({ key: 'job' })
  async longMethod(): Promise<string> {
    return reasonOfEnd();
  }
}

/** Works until its signal says that nobody waits for it. */
async function reasonOfEnd(): Promise<string> {
  const { signal } = currentLease()!;
  runs++;
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  reasons.push(signal.reason);
  return 'done';
}

/**
 * Serves Apollo's server as the driver does, but by a server of its own: for a route of the application it
 * needs one more package.
 */
@Injectable()
class StandaloneDriver extends ApolloDriver {
  url = '';

  override async registerServer(options: ApolloDriverConfig): Promise<void> {
    const server = new ApolloServer(options as never);
    this.apolloServer = server;
    const { url } = await startStandaloneServer(server, {
      listen: { host: '127.0.0.1', port: 0 },
      context: async ({ req, res }) => contextOf(req, res),
    });
    this.url = url;
  }
}

function serveGraphql(): Promise<Setting> {
  const graphql = GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: StandaloneDriver,
    autoSchemaFile: true,
  });
  return serve({ imports: [graphql], providers: [Resolvers] }, new ExpressAdapter());
}

const urlOf = ({ app }: Setting): string =>
  app.get<GraphQLModule<StandaloneDriver>>(GraphQLModule).graphQlAdapter.url;

/** What the context of an operation has of the response, by driver and by what the application adds. */
const CONTEXTS = {
  'as of Express': (req: object, res: EventEmitter): object => ({ req: Object.assign(req, { res }) }),
  'as an application writes it': (req: object, res: EventEmitter): object => ({ req, res }),
  'as of Mercurius': (_req: object, res: EventEmitter): object => ({ reply: { raw: res } }),
} as const;
let contextOf: (req: object, res: EventEmitter) => object = () => ({});

describe('Apollo over HTTP', () => {
  afterEach(() => {
    contextOf = () => ({});
  });

  async function openable(): Promise<{ setting: Setting; open(query: string): ClientRequest }> {
    const setting = await serveGraphql();
    const open = (query: string): ClientRequest => {
      const headers = { 'content-type': 'application/json' };
      const request = openRequest(urlOf(setting), { method: 'POST', headers }).on('error', () => undefined);
      request.end(JSON.stringify({ query }));
      return request;
    };
    return { setting, open };
  }

  const contexts = Object.keys(CONTEXTS) as (keyof typeof CONTEXTS)[];

  it.each(contexts.flatMap((context) => ['Handler', 'Method'].map((kind) => [context, kind] as const)))(
    'a client that leaves ends the wait of its operation, with a context %s (%s)',
    async (context, kind) => {
      let response: EventEmitter | undefined;
      contextOf = (req, res) => {
        response = res;
        return CONTEXTS[context](req, res);
      };
      const { setting, open } = await openable();
      const lease = await setting.other.acquire('job', { ttlMs: 20_000 });
      // Many fields of one operation wait: more than the listeners of which a response warns.
      const fields = Array.from({ length: 12 }, (_, index) => `f${index}: waiting${kind}`);
      const client = open(`{ ${fields.join(' ')} }`);
      const count = (type: string) => setting.events.filter((event) => event.type === type).length;
      await until(() => count('waiting') === 12);
      expect(response!.listenerCount('close')).toBeLessThan(10);
      client.destroy();
      await until(() => count('aborted') === 12);
      await lease.release();
      expect(runs).toBe(0);
      expect(setting.log.of('ExceptionsHandler')).toEqual([]);
    },
  );

  it.each(['Handler', 'Method'])(
    'a client that leaves ends the signal of an operation that runs, which keeps its lock (%s)',
    async (kind) => {
      contextOf = CONTEXTS['as of Express'];
      const { setting, open } = await openable();
      const client = open(`mutation { long${kind} }`);
      await until(() => runs === 1);
      expect(numberOfReleases(setting)).toBe(0);
      client.destroy();
      await until(() => numberOfReleases(setting) === 1);
      expect(reasons).toEqual([expect.any(RequestEndedError)]);
    },
  );

  it.each(['{ method }', '{ handler }', '{ byService }', 'mutation { mutation }'])(
    'a refused operation is answered with a code, never as null alone, and without the holder: %s',
    async (query) => {
      const setting = await serveGraphql();
      await setting.other.acquire('job', { ttlMs: 20_000 });
      const url = urlOf(setting);
      const ask = async (): Promise<string> => {
        const headers = { 'content-type': 'application/json' };
        const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
        return response.text();
      };
      const held = await ask();
      expect(JSON.parse(held)).toMatchObject({
        errors: [
          {
            message: 'Locked by another request, try again later',
            extensions: { code: 'LOCK_NOT_ACQUIRED', retryAfterSeconds: expect.any(Number) },
          },
        ],
      });
      expect(held).not.toContain(HOLDER);
      expect(held).not.toContain('    at ');
      setting.node.reachable = false;
      expect(JSON.parse(await ask())).toMatchObject({
        errors: [{ extensions: { code: 'QUORUM_UNREACHABLE' } }],
      });
      expect(setting.log.of('ExceptionsHandler')).toEqual([]);
      expect(runs).toBe(0);
    },
  );
});

describe('a subscription of GraphQL', () => {
  it.each(['newsOfHandler', 'newsOfMethod'])(
    'is locked until its client leaves, whose leaving aborts the signal first: %s',
    async (field) => {
      const setting = await serveGraphql();
      const { schema } = setting.app.get(GraphQLSchemaHost);
      const document = parse(`subscription { ${field} }`);
      const open = async (): Promise<unknown> => subscribe({ schema, document, contextValue: {} });
      const items = (await open()) as AsyncGenerator;
      expect(await items.next()).toMatchObject({ value: { data: { [field]: 'first' } } });
      const waiting = items.next();
      expect(await open()).toMatchObject({ errors: [{ extensions: { code: 'LOCK_NOT_ACQUIRED' } }] });
      expect(numberOfReleases(setting)).toBe(0);
      await items.return(undefined);
      expect(await waiting).toMatchObject({ done: true });
      await until(() => numberOfReleases(setting) === 1);
      expect(reasons).toEqual([expect.any(RequestEndedError)]);
    },
  );
});

@WebSocketGateway()
class Gateway {
  constructor(private readonly service: Service) {}

  @SubscribeMessage('method')
  @DistributedLock({ key: 'job' })
  async method(): Promise<object> {
    return { event: 'answer', data: await body() };
  }

  @SubscribeMessage('handler')
  @LockedHandler({ key: 'job' })
  async handler(): Promise<object> {
    return { event: 'answer', data: await body() };
  }

  @UseFilters(LockExceptionFilter)
  @SubscribeMessage('service')
  async byService(): Promise<object> {
    return { event: 'answer', data: await this.service.work() };
  }
}

describe('a WebSocket', () => {
  it('a refused message of a WebSocket of the package ws gets an answer with a code', async () => {
    const setting = await serve({ providers: [Gateway] }, new ExpressAdapter(), (app) =>
      app.useWebSocketAdapter(new WsAdapter(app)),
    );
    const url = await listen(setting);
    const lease = await setting.other.acquire('job', { ttlMs: 20_000 });
    const socket = new WebSocket(url.replace('http', 'ws'));
    await new Promise((resolve) => socket.once('open', resolve));
    const ask = (event: string): Promise<unknown> => {
      const answer = new Promise((resolve) =>
        socket.once('message', (data: Buffer) => resolve(JSON.parse(data.toString()))),
      );
      socket.send(JSON.stringify({ event, data: {} }));
      return answer;
    };
    for (const event of ['method', 'handler', 'service']) {
      const refused = await ask(event);
      expect(refused).toEqual({
        event: 'exception',
        data: expect.objectContaining({ status: 'error', code: 'LOCK_NOT_ACQUIRED' }),
      });
      expect(JSON.stringify(refused)).not.toContain(HOLDER);
    }
    setting.node.reachable = false;
    expect(await ask('method')).toMatchObject({ event: 'exception', data: { code: 'QUORUM_UNREACHABLE' } });
    setting.node.reachable = true;
    await lease.release();
    expect(await ask('method')).toEqual({ event: 'answer', data: 'done' });
    socket.close();
    expect(setting.log.of('WsExceptionsHandler')).toEqual([]);
  });
});
