import { on, EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StreamableFile } from '@nestjs/common';
import { lastValueFrom, Observable, of, Subject, throwError } from 'rxjs';
import { currentLease, LeaseLostError, LockManager, memoryNode, type Lease } from '../../src/index.js';
import { followResult, type LastingResult } from '../../src/nestjs/request/lasting-result.js';
import { closedDoor, fragileNode } from './support.js';

const onUnread = jest.fn();
const onLeft = jest.fn();
const listener = { onRead: () => () => undefined, onUnread, onLeft };

beforeEach(() => {
  onUnread.mockReset();
  onLeft.mockReset();
});

interface Followed<T> {
  readonly value: T;
  /** Whether the lock has been given back. */
  readonly isOver: () => boolean;
  readonly ended: Promise<void>;
  readonly lease: Lease;
}

/** Follows a result under a lock of its own, as a decorated method does. */
async function follow<T>(make: () => T, ttlMs = 10_000, node = memoryNode()): Promise<Followed<T>> {
  const locks = new LockManager({ nodes: [node], warn: () => undefined });
  let isOver = false;
  return new Promise((resolve, reject) => {
    const run = locks.withLock('job', { ttlMs }, async (lease) => {
      const lasting = followResult(make(), lease, listener) as LastingResult;
      resolve({ value: lasting.value as T, isOver: () => isOver, ended: lasting.ended, lease });
      await lasting.ended;
    });
    run.then(() => (isOver = true), reject);
  });
}

/** Lets the promises that are settled go on. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it.each([undefined, null, 7, 'text', { ok: true }, [1, 2], Buffer.from('a'), new Response('a').body])(
  'a result that is there at once, or that only works as it is, is not followed: %p',
  (value) => {
    expect(followResult(value, {} as Lease, listener)).toBeUndefined();
  },
);

describe('an Observable', () => {
  it('an Observable is over when it completes', async () => {
    const source = new Subject<string>();
    const { value, isOver, ended } = await follow(() => source as Observable<string>);
    const result = lastValueFrom(value);
    source.next('done');
    await turn();
    expect(isOver()).toBe(false);
    source.complete();
    expect(await result).toBe('done');
    await ended;
    await turn();
    expect(isOver()).toBe(true);
  });

  it('an Observable is over when it fails, and when it is unsubscribed', async () => {
    const failing = await follow(() => throwError(() => new Error('of the work')));
    await expect(lastValueFrom(failing.value)).rejects.toThrow('of the work');
    await failing.ended;
    const endless = await follow(() => new Subject<string>() as Observable<string>);
    endless.value.subscribe().unsubscribe();
    await endless.ended;
  });

  it('an Observable is over when the last of its subscribers has left', async () => {
    const { value, isOver, ended } = await follow(() => new Subject<string>() as Observable<string>);
    const [first, second] = [value.subscribe(), value.subscribe()];
    first.unsubscribe();
    await turn();
    expect(isOver()).toBe(false);
    second.unsubscribe();
    await ended;
  });

  it('an Observable that is over fails for whoever subscribes later', async () => {
    const { value, ended, isOver } = await follow(() => of('done'));
    await lastValueFrom(value);
    await ended;
    await turn();
    expect(isOver()).toBe(true);
    await expect(lastValueFrom(value)).rejects.toMatchObject({ code: 'LEASE_LOST', reason: 'released' });
  });

  it('an Observable works under the lease of its method', async () => {
    let seen: Lease | undefined;
    const { value, lease } = await follow(
      () =>
        new Observable<string>((subscriber) => {
          seen = currentLease();
          subscriber.complete();
        }),
    );
    value.subscribe();
    expect(seen).toBe(lease);
  });

  it('an Observable fails when the lease is lost', async () => {
    const node = fragileNode();
    const { value } = await follow(() => new Subject<string>() as Observable<string>, 300, node);
    const result = lastValueFrom(value);
    node.reachable = false;
    await expect(result).rejects.toBeInstanceOf(LeaseLostError);
  });

  it('an Observable to which nobody subscribes in time is over', async () => {
    const { value, ended } = await follow(() => of('done'), 200);
    await ended;
    expect(onUnread).toHaveBeenCalledTimes(1);
    await expect(lastValueFrom(value)).rejects.toBeInstanceOf(LeaseLostError);
  });
});

describe('an async iterable', () => {
  async function* numbers(count: number): AsyncGenerator<number> {
    for (let number = 0; number < count; number++) yield number;
  }

  it('an async iterable is over when it is read to its end', async () => {
    const { value, isOver, ended } = await follow(() => numbers(2));
    const read: number[] = [];
    for await (const number of value) {
      read.push(number);
      expect(isOver()).toBe(false);
    }
    expect(read).toEqual([0, 1]);
    await ended;
  });

  it('an async iterable is over when its reader leaves it, or when it fails', async () => {
    const left = await follow(() => numbers(9));
    for await (const number of left.value) if (number === 1) break;
    await left.ended;
    const failing = await follow(async function* () {
      yield 1;
      throw new Error('of the work');
    });
    await expect(async () => {
      for await (const _ of failing.value);
    }).rejects.toThrow('of the work');
    await failing.ended;
    const thrown = await follow(() => numbers(9));
    await thrown.value.next();
    await expect(thrown.value.throw(new Error('of the reader'))).rejects.toThrow('of the reader');
    await thrown.ended;
  });

  it('an async iterable is over when its reader leaves it before the first step', async () => {
    const { value, ended } = await follow(() => numbers(9));
    expect(await value.return(7)).toEqual({ done: true, value: 7 });
    await ended;
  });

  it('an async iterable keeps its other methods', async () => {
    class Cursor {
      #left = 2;
      toArray = (): number[] => [this.#left];
      count(): number {
        return this.#left;
      }
      async *[Symbol.asyncIterator](): AsyncGenerator<number> {
        while (this.#left > 0) yield this.#left--;
      }
    }
    const { value, ended } = await follow(() => new Cursor());
    expect(value).toBeInstanceOf(Cursor);
    expect([value.count(), value.toArray()]).toEqual([2, [2]]);
    const read: number[] = [];
    for await (const number of value) read.push(number);
    expect(read).toEqual([2, 1]);
    await ended;
  });

  it('an async iterable takes no further step when the lease is lost', async () => {
    const node = fragileNode();
    const { value, lease } = await follow(() => numbers(9), 300, node);
    await value.next();
    node.reachable = false;
    await new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    await expect(value.next()).rejects.toBeInstanceOf(LeaseLostError);
  });

  it('an async iterable tells its reader of the loss at once, and is over when its step has ended', async () => {
    const node = fragileNode();
    const step = closedDoor();
    const { value, ended } = await follow(
      async function* () {
        await step.promise;
        yield 'too late';
      },
      300,
      node,
    );
    const next = value.next();
    let isOver = false;
    void ended.then(() => (isOver = true));
    node.reachable = false;
    await expect(next).rejects.toBeInstanceOf(LeaseLostError);
    await turn();
    expect(isOver).toBe(false);
    step.open();
    await ended;
  });

  it('an async iterable that waits in a step is told that its last reader leaves, and then asked to end', async () => {
    const step = closedDoor();
    onLeft.mockImplementation(() => step.open());
    const { value, ended } = await follow(async function* () {
      await step.promise;
      yield 'last';
    });
    const next = value.next();
    await value.return(undefined);
    await ended;
    expect(await next).toEqual({ done: false, value: 'last' });
    await value.return(undefined);
    const whole = await follow(() => numbers(1));
    for await (const _ of whole.value);
    await whole.value.return(undefined);
    expect(onLeft).toHaveBeenCalledTimes(1);
  });

  it('an iterator of events is over when its reader leaves it while it waits', async () => {
    const { value, ended } = await follow(() => on(new EventEmitter(), 'event'));
    void value.next().catch(() => undefined);
    await turn();
    await value.return?.();
    await ended;
  });
});

describe('a stream', () => {
  it.each([
    ['of Node', (stream: Readable) => stream],
    ['in a StreamableFile', (stream: Readable) => new StreamableFile(stream)],
  ])('a stream %s is given as it is, and is over when it has ended', async (_which, wrap) => {
    const stream = Readable.from(['a', 'b']);
    const given = wrap(stream);
    const { value, ended } = await follow(() => given);
    expect(value).toBe(given);
    stream.resume();
    await ended;
    const destroyed = Readable.from(['a']);
    const second = await follow(() => wrap(destroyed));
    destroyed.destroy(new Error('of the work'));
    await second.ended;
    expect(onUnread).not.toHaveBeenCalled();
  });

  it('a stream is over when nobody reads it in time, and not when somebody does', async () => {
    await (
      await follow(() => Readable.from(['a']), 200)
    ).ended;
    expect(onUnread).toHaveBeenCalledTimes(1);
    const endless = new Readable({ read: () => undefined });
    const { isOver } = await follow(() => endless, 200);
    endless.push('a');
    endless.once('data', () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(isOver()).toBe(false);
    endless.destroy();
  });
});
