/**
 * Tests of types. This file is compiled with the tests and never run. A comment before each line that must
 * not compile makes the compiler report an error if the line does compile.
 */
import { applyDecorators, Post } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { DistributedLock, LockedHandler, RunOnLeader } from '../../src/nestjs/index.js';

export const LockedCron = (expression: string, key: string) =>
  applyDecorators(Cron(expression), DistributedLock({ key }));

export const PostOnce = (path: string) =>
  applyDecorators(Post(path), DistributedLock({ key: (id: string) => `post:${id}`, ttl: '5m' }));

export const LeadingCron = (expression: string) => applyDecorators(Cron(expression), RunOnLeader('outbox'));

export const LockedPost = (path: string) => applyDecorators(Post(path), LockedHandler({ key: 'post' }));

export class Methods {
  @DistributedLock()
  async unnamed(): Promise<void> {}

  @DistributedLock({ key: 'job', ttl: '5m', retries: 3, retryDelay: 500, once: false, onHeld: 'skip' })
  async everyOption(_first: string, _second?: number): Promise<string> {
    return 'done';
  }

  @DistributedLock({
    key: 'waits',
    onHeld: 'wait',
    wait: '90s',
    retryDelay: '500ms',
    minHold: '1.5s',
    maxHold: '1h',
  })
  async durationsAsText(): Promise<void> {}

  @DistributedLock({ key: (id: string) => `user:${id}` })
  async oneOfTwoArguments(_id: string, _amount: number): Promise<void> {}

  @DistributedLock({ key: async (id: string | number) => `user:${id}` })
  async narrowerArgument(_id: string): Promise<void> {}

  @DistributedLock({ key: (...ids: string[]) => ids.join() })
  async anyNumber(_first: string, _second: string): Promise<void> {}

  @DistributedLock({ key: 'generic' })
  async generic<T>(value: T): Promise<T> {
    return value;
  }

  // @ts-expect-error -- a locked method must return a promise
  @DistributedLock({ key: 'sync' })
  sync(): string {
    return 'now';
  }

  // @ts-expect-error -- a method that returns nothing is not async
  @DistributedLock()
  void(): void {}

  // @ts-expect-error -- the key function takes another type than the method
  @DistributedLock({ key: (id: number) => `user:${id}` })
  async otherType(_id: string): Promise<void> {}

  // @ts-expect-error -- the key function takes more than the method
  @DistributedLock({ key: (id: string, shard: string) => `${shard}:${id}` })
  async tooFew(_id: string): Promise<void> {}

  // @ts-expect-error -- the key function takes less than the method may pass
  @DistributedLock({ key: (id: 'a' | 'b') => `user:${id}` })
  async widerArgument(_id: string): Promise<void> {}

  // @ts-expect-error -- no such option
  @DistributedLock({ tll: 30 })
  async misspelt(): Promise<void> {}

  // @ts-expect-error -- no such unit
  @DistributedLock({ ttl: '5 minutes' })
  async noUnit(): Promise<void> {}

  // @ts-expect-error -- a text without a unit
  @DistributedLock({ retryDelay: '500' })
  async textWithoutUnit(): Promise<void> {}

  // @ts-expect-error -- the key function gives no string
  @DistributedLock({ key: (id: number) => id })
  async noString(_id: number): Promise<void> {}

  // @ts-expect-error -- a property is not a method
  @DistributedLock()
  property = async (): Promise<void> => {};

  @DistributedLock({ key: (id: string) => `any:${id}` })
  // oxlint-disable-next-line typescript/no-explicit-any -- methods of users have it
  async anyArgument(_id: any): Promise<void> {}

  @LockedCron('0 3 * * *', 'nightly')
  async composed(): Promise<void> {}

  @RunOnLeader('outbox')
  async leads(): Promise<void> {}

  // @ts-expect-error -- a method that runs on the leader must return a promise
  @RunOnLeader('outbox')
  leadsSync(): string {
    return 'now';
  }

  // @ts-expect-error -- a property is not a method
  @RunOnLeader('outbox')
  leadsProperty = async (): Promise<void> => {};
}

// @ts-expect-error -- a class is not a method
@DistributedLock()
export class Locked {}

// @ts-expect-error -- a class is not a method
@RunOnLeader('outbox')
export class Leading {}
