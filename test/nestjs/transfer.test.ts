import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Injectable, Post, Sse } from '@nestjs/common';
import { lastValueFrom, Observable, of, toArray } from 'rxjs';
import { currentLease, LockManager, type LeaseJson } from '../../src/index.js';
import { DistributedLock, LockedHandler } from '../../src/nestjs/index.js';
import { listen, start, type Application } from './support.js';

let given: LeaseJson | undefined;

async function give(): Promise<void> {
  given = await currentLease()!.transfer();
}

@Injectable()
class Imports {
  @DistributedLock({ key: 'promise' })
  async promise(): Promise<string> {
    await give();
    return 'given';
  }

  @DistributedLock({ key: 'stops' })
  async stops(): Promise<void> {
    await give();
    currentLease()!.signal.throwIfAborted();
  }

  @DistributedLock({ key: 'observable' })
  async observable(): Promise<Observable<string>> {
    await give();
    return of('given');
  }

  @DistributedLock({ key: 'midway' })
  async midway(): Promise<Observable<string>> {
    return new Observable((subscriber) => {
      subscriber.next('before');
      void give().then(() => {
        subscriber.next('after');
        subscriber.complete();
      });
    });
  }

  @DistributedLock({ key: 'iterable' })
  async iterable(): Promise<AsyncIterable<string>> {
    return (async function* () {
      yield 'before';
      await give();
      yield 'after';
    })();
  }
}

@Controller()
class ImportsController {
  @Post('handler')
  @LockedHandler({ key: 'handler' })
  async handler(): Promise<{ given: boolean }> {
    await give();
    return { given: true };
  }

  @Post('decorated')
  @DistributedLock({ key: 'decorated' })
  async decorated(): Promise<{ given: boolean }> {
    await give();
    return { given: true };
  }

  @Post('observable')
  @LockedHandler({ key: 'handler' })
  async observable(): Promise<Observable<{ given: boolean }>> {
    await give();
    return of({ given: true });
  }

  @Sse('events')
  @LockedHandler({ key: 'events' })
  async events(): Promise<Observable<{ data: string }>> {
    await give();
    return of({ data: 'given' });
  }
}

afterEach(() => {
  given = undefined;
});

/** The lease was given away, and not lost: it can be adopted, and no line says that it was lost. */
async function expectGiven({ app, log }: Application): Promise<void> {
  await (await app.get(LockManager).adopt(given!)).release();
  expect(log.lines.filter(({ message }) => message.includes('Lock lost'))).toEqual([]);
}

describe('a method that gives its lease away', () => {
  it('resolves with what it returns', async () => {
    const application = await start({ providers: [Imports] });
    await expect(application.app.get(Imports).promise()).resolves.toBe('given');
    await expectGiven(application);
  });

  it('rejects with the error that it throws, and its lock does not count as lost', async () => {
    const application = await start({ providers: [Imports] });
    await expect(application.app.get(Imports).stops()).rejects.toMatchObject({ reason: 'transferred' });
    await expectGiven(application);
  });

  it.each(['observable', 'midway'] as const)('gives its Observable to the end (%s)', async (method) => {
    const application = await start({ providers: [Imports] });
    const values = await lastValueFrom((await application.app.get(Imports)[method]()).pipe(toArray()));
    expect(values).toEqual(method === 'midway' ? ['before', 'after'] : ['given']);
    await expectGiven(application);
  });

  it('gives its async iterable to the end', async () => {
    const application = await start({ providers: [Imports] });
    const values: string[] = [];
    for await (const value of await application.app.get(Imports).iterable()) values.push(value);
    expect(values).toEqual(['before', 'after']);
    await expectGiven(application);
  });
});

it.each(['handler', 'decorated', 'observable'])(
  'a request whose handler gives its lease away is answered by the handler (%s)',
  async (path) => {
    const application = await start({ controllers: [ImportsController] });
    const response = await fetch(`${await listen(application)}/${path}`, { method: 'POST' });
    expect([response.status, await response.json()]).toEqual([201, { given: true }]);
    await expectGiven(application);
  },
);

it('a stream of events whose handler gives its lease away goes to its end', async () => {
  const application = await start({ controllers: [ImportsController] });
  const response = await fetch(`${await listen(application)}/events`);
  expect(await response.text()).toContain('data: given');
  await expectGiven(application);
});
