import { request as openRequest } from 'node:http';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, NotFoundException, Param, Post, Sse, type ExecutionContext } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Observable } from 'rxjs';
import { currentLease, LockManager, memoryNode } from '../../src/index.js';
import { DistributedLock, LockedHandler } from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { fragileNode, closedDoor, listen, start, type Application } from './support.js';

let door = closedDoor();
let handled: (readonly string[])[] = [];
let unsubscribed = 0;

beforeEach(() => {
  door = closedDoor();
  handled = [];
  unsubscribed = 0;
});

/** The body of every handler here: records the resources that it holds, and waits for the door. */
async function handle(): Promise<{ done: true }> {
  handled.push(currentLease()?.resources ?? []);
  await door.promise;
  return { done: true };
}

const idOf = (context: ExecutionContext): string =>
  context.switchToHttp().getRequest<{ params: { id: string } }>().params.id;

@Controller()
class Invoices {
  @Post('pay/:id')
  @LockedHandler({ key: (context) => `invoice:${idOf(context)}`, ttl: 30 })
  pay(@Param('id') _id: string): Promise<{ done: true }> {
    return handle();
  }

  @Post('short')
  @LockedHandler({ key: 'short', ttl: 0.3 })
  short(): Promise<{ done: true }> {
    return handle();
  }

  @LockedHandler()
  @Get('unnamed')
  unnamed(): Promise<{ done: true }> {
    return handle();
  }

  @Get('waits')
  @LockedHandler({ key: async () => 'waits', onHeld: 'wait', wait: 30, retryDelay: 5 })
  waits(): Promise<{ done: true }> {
    return handle();
  }

  @Get('missing')
  @LockedHandler({ key: 'missing' })
  missing(): Promise<never> {
    return Promise.reject(new NotFoundException('no such invoice'));
  }

  @Sse('stream')
  @LockedHandler({ key: 'stream' })
  stream(): Observable<{ data: string }> {
    return new Observable((subscriber) => {
      subscriber.next({ data: 'first' });
      return () => void unsubscribed++;
    });
  }

  @Get('observable')
  @LockedHandler({ key: 'observable' })
  observable(): Observable<string> {
    return new Observable((subscriber) => {
      handled.push(currentLease()?.resources ?? []);
      void door.promise.then(() => {
        subscriber.next('done');
        subscriber.complete();
      });
    });
  }

  @Get('above')
  @DistributedLock({ key: 'above' })
  async above(): Promise<{ done: true }> {
    return handle();
  }

  @DistributedLock({ key: (id: string) => `below:${id}` })
  @Get('below/:id')
  async below(@Param('id') _id: string): Promise<{ done: true }> {
    return handle();
  }

  @Get('brief')
  @DistributedLock({ key: 'brief', ttl: 0.3 })
  async brief(): Promise<{ done: true }> {
    return handle();
  }

  @Get('skips')
  @DistributedLock({ key: 'skips', onHeld: 'skip' })
  async skips(): Promise<{ done: true }> {
    return handle();
  }

  @Get('absent')
  @DistributedLock({ key: 'absent' })
  async absent(): Promise<never> {
    throw new NotFoundException('no such invoice');
  }
}

interface Server extends Application {
  readonly url: string;
}

async function serve(node = memoryNode(), drainMs = 0): Promise<Server> {
  const application = await start({ controllers: [Invoices] }, { nodes: [node], drainMs });
  return { ...application, url: await listen(application) };
}

const HANDLERS: [string, string, string][] = [
  ['@LockedHandler', 'POST', '/pay/7'],
  ['@DistributedLock below @Get', 'GET', '/above'],
  ['@DistributedLock above @Get', 'GET', '/below/7'],
];

describe.each(HANDLERS)('%s', (name, method, path) => {
  it(`${name}: a second request is refused with 409 and Retry-After while the lock is held`, async () => {
    const node = memoryNode();
    const [first, second] = [await serve(node), await serve(node)];
    const running = fetch(first.url + path, { method });
    await until(() => handled.length === 1);
    const refused = await fetch(second.url + path, { method });
    expect(refused.status).toBe(409);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({
      statusCode: 409,
      message: 'Locked by another request, try again later',
    });
    door.open();
    const answer = await running;
    expect(await answer.json()).toEqual({ done: true });
    expect((await fetch(second.url + path, { method })).ok).toBe(true);
    expect(handled).toHaveLength(2);
  });

  it(`${name}: a request gets 503 and does not run while no quorum can be reached`, async () => {
    const node = fragileNode();
    const { url, log } = await serve(node);
    node.reachable = false;
    const answer = await fetch(url + path, { method });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBeNull();
    expect(handled).toEqual([]);
    expect(log.of('DistributedLock', 'error')).toEqual([expect.stringMatching(/^Lock not acquired: /)]);
  });

  it(`${name}: a request gets 503 while the application drains`, async () => {
    const { url, app } = await serve();
    app.get(LockManager).drain();
    const answer = await fetch(url + path, { method });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ message: 'Shutting down, try again later' });
  });
});

describe('@LockedHandler', () => {
  it('@LockedHandler locks by a key from the request, or by application, class and method', async () => {
    const { url, events } = await serve();
    door.open();
    await fetch(`${url}/pay/7`, { method: 'POST' });
    await fetch(`${url}/unnamed`);
    expect(handled).toEqual([['invoice:7'], ['tests:Invoices.unnamed']]);
    const labels = events.flatMap((event) => (event.type === 'acquired' ? [event.name] : []));
    expect(labels).toEqual(['Invoices.pay', 'Invoices.unnamed']);
    expect(events).toContainEqual({ type: 'declared', name: 'Invoices.pay' });
  });

  it('@LockedHandler handles requests with different keys at the same time', async () => {
    const { url } = await serve();
    const running = ['7', '8'].map((id) => fetch(`${url}/pay/${id}`, { method: 'POST' }));
    await until(() => handled.length === 2);
    door.open();
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([201, 201]);
  });

  it('@LockedHandler waits for the lock if onHeld is wait', async () => {
    const { url } = await serve();
    const running = [fetch(`${url}/waits`), fetch(`${url}/waits`)];
    await until(() => handled.length === 1);
    door.open();
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('@LockedHandler passes on errors: a NotFoundException keeps its 404', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/missing`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ message: 'no such invoice' });
    expect((await fetch(`${url}/missing`)).status).toBe(404);
  });

  it('@LockedHandler holds the lock until an Observable completes', async () => {
    const { url } = await serve();
    const running = fetch(`${url}/observable`);
    await until(() => handled.length === 1);
    expect((await fetch(`${url}/observable`)).status).toBe(409);
    door.open();
    expect(await (await running).text()).toBe('done');
    expect((await fetch(`${url}/observable`)).status).toBe(200);
  });

  it('@LockedHandler releases the lock when the client of a stream disconnects', async () => {
    const { url, events } = await serve();
    const stream = openRequest(`${url}/stream`);
    const firstData = new Promise((resolve) => {
      stream.on('response', (response) => response.once('data', resolve));
    });
    stream.end();
    await firstData;
    expect((await fetch(`${url}/stream`)).status).toBe(409);
    stream.on('error', () => undefined);
    stream.destroy();
    await until(() => events.some(({ type }) => type === 'released'));
    expect(unsubscribed).toBe(1);
  });

  it('@LockedHandler answers 503 as soon as the lease is lost, before the handler ends', async () => {
    const node = fragileNode();
    const { url, log } = await serve(node);
    const running = fetch(`${url}/short`, { method: 'POST' });
    await until(() => handled.length === 1);
    node.reachable = false;
    const answer = await running;
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ message: 'The lock was lost before the request was done' });
    expect(log.of('DistributedLock', 'error')).toEqual([
      expect.stringMatching(/^Lock lost while handling a request: /),
    ]);
    door.open();
  });
});

describe('@DistributedLock on a route', () => {
  it('@DistributedLock on a route passes on errors: a NotFoundException keeps its 404', async () => {
    const { url } = await serve();
    expect((await fetch(`${url}/absent`)).status).toBe(404);
  });

  it('@DistributedLock on a route answers 503 if the lease was lost while it ran', async () => {
    const node = fragileNode();
    const { url, events } = await serve(node);
    const running = fetch(`${url}/brief`);
    await until(() => handled.length === 1);
    node.reachable = false;
    await until(() => events.some(({ type }) => type === 'lost'));
    door.open();
    expect((await running).status).toBe(503);
  });

  it('@DistributedLock on a route answers with an empty body if onHeld is skip', async () => {
    const node = memoryNode();
    const [first, second] = [await serve(node), await serve(node)];
    const running = fetch(`${first.url}/skips`);
    await until(() => handled.length === 1);
    const skipped = await fetch(`${second.url}/skips`);
    expect([skipped.status, await skipped.text()]).toEqual([200, '']);
    door.open();
    await running;
  });
});

it('a job that a route starts too is skipped where its timer finds the lock held, and refuses the request', async () => {
  @Controller()
  class Job {
    @Get('run')
    @Interval(3_600_000)
    @DistributedLock({ key: 'job' })
    async run(): Promise<string> {
      return 'done';
    }
  }
  const node = memoryNode();
  const other = new LockManager({ nodes: [node], warn: () => undefined });
  const lease = await other.acquire('job');
  const application = await start({ controllers: [Job] }, { nodes: [node] });
  const url = `${await listen(application)}/run`;
  expect((await fetch(url)).status).toBe(409);
  expect(await application.app.get(Job).run()).toBeUndefined();
  await lease.release();
  expect(await (await fetch(url)).text()).toBe('done');
  await other.close();
});
