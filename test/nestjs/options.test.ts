import { describe, expect, it } from '@jest/globals';
import { DistributedLock, LockedHandler, RunOnLeader } from '../../src/nestjs/index.js';
import type { LockSettings } from '../../src/nestjs/lock-settings.js';
import { normalizeOptions } from '../../src/nestjs/normalize-options.js';

/** Decorates a method of a class named Tasks with options that the compiler may not accept. */
function decorate(options: unknown): void {
  class Tasks {
    async job(): Promise<void> {}
  }
  const descriptor = Object.getOwnPropertyDescriptor(Tasks.prototype, 'job')!;
  DistributedLock(options as object)(Tasks.prototype, 'job', descriptor);
}

describe('a bad option', () => {
  it.each<[unknown, string]>([
    [{ tll: 5 }, 'unknown option "tll"; the options are ttl, retries, retryDelay'],
    [[], 'takes an object of options, got []'],
    [null, 'takes an object of options, got null'],
    ['hourly', "takes an object of options, got 'hourly'"],
    [{ ttl: 0 }, 'ttl must be from 0.01 to 2147483.647 seconds'],
    [{ ttl: -1 }, 'got -1'],
    [{ ttl: Number.NaN }, 'got NaN'],
    [{ ttl: Infinity }, 'got Infinity'],
    [{ ttl: 2 ** 31 }, 'got 2147483648'],
    [{ ttl: '5 minutes' }, "or a string such as '30s', '5m', '1h' or '500ms', got '5 minutes'"],
    [{ ttl: '0s' }, "got '0s'"],
    [{ ttl: '-5m' }, "got '-5m'"],
    [{ ttl: '60' }, "got '60'"],
    [{ ttl: null }, 'got null'],
    [{ ttl: true }, 'got true'],
    [{ retries: -1 }, 'retries must be an integer from 0 to 2147483647, got -1'],
    [{ retries: 1.5 }, 'got 1.5'],
    [{ retries: '3' }, "retries must be a number, got '3'"],
    [
      { retryDelay: 0 },
      'retryDelay must be an integer from 1 to 2147483647 milliseconds, or a string such as',
    ],
    [{ retryDelay: 0 }, "or a string such as '30s', '5m', '1h' or '500ms', got 0"],
    [{ retryDelay: 1.5 }, 'got 1.5'],
    [{ retryDelay: Number.NaN }, 'got NaN'],
    [{ retryDelay: 2 ** 31 }, 'got 2147483648'],
    [{ retryDelay: '0ms' }, "got '0ms'"],
    [{ retryDelay: '597h' }, "got '597h'"],
    [{ retryDelay: '100' }, "got '100'"],
    [{ retryDelay: null }, 'got null'],
    [{ onHeld: 'wait', wait: 0 }, 'wait must be from 0.001 to 2147483.647 seconds, or a string such as'],
    [{ onHeld: 'wait', wait: '0s' }, "got '0s'"],
    [{ onHeld: 'wait', wait: 2_147_483.648 }, 'got 2147483.648'],
    [{ onHeld: 'wait', wait: '5 minutes' }, "got '5 minutes'"],
    [{ wait: 100 }, "wait (100) needs onHeld: 'wait'"],
    [{ wait: '5m' }, "wait ('5m') needs onHeld: 'wait'"],
    [
      { onHeld: 'wait', waitMs: 100 },
      'unknown option "waitMs": here it is wait; the options are ttl, retries, retryDelay, wait',
    ],
    [{ onHeld: 'wait', retries: 2 }, "retries (2) and onHeld: 'wait' exclude each other"],
    [{ onHeld: 'ignore' }, "onHeld must be one of 'skip', 'throw', 'wait', got 'ignore'"],
    [{ once: true }, "once must be one of 'tick', false, got true"],
    [{ minHold: -1 }, 'minHold must be from 0 to'],
    [{ ttl: 5, minHold: 6 }, 'minHold (6 s) must not be above ttl (5 s)'],
    [{ minHold: 61 }, 'minHold (61 s) must not be above ttl (60 s)'],
    [{ ttl: 5, maxHold: 4 }, 'maxHold (4 s) must not be below ttl (5 s)'],
    [{ maxHold: Infinity }, 'maxHold must be from'],
    [{ autoExtend: 'yes' }, "autoExtend must be true or false, got 'yes'"],
    [{ key: '' }, 'key must have 1 to 512 bytes, got 0'],
    [{ key: 'é'.repeat(257) }, 'got 514'],
    [{ key: 'a\nb' }, 'key must not have control characters, got "a\\nb"'],
    [{ key: 7 }, 'key must be a string or a function, got 7'],
    [{ key: 'a:fence' }, 'key must not end in ":fence", ":fence:wait"'],
    [{ key: 'a:fence:wait' }, "got 'a:fence:wait'"],
    [{ key: 'quorlock:node' }, "key must not be 'quorlock:node', where a node keeps what it knows of itself"],
    [{ key: '\ud800' }, 'key must be well-formed Unicode'],
    [{ locks: '' }, 'locks must be the name of a module'],
  ])('@DistributedLock refuses %j and says why', (options, message) => {
    expect(() => decorate(options)).toThrow(message);
    expect(() => decorate(options)).toThrow(/^@DistributedLock on Tasks\.job/);
  });

  it('@LockedHandler refuses bad options and says why', () => {
    const decorateHandler = (options: object) =>
      LockedHandler(options)({}, 'pay', { value: () => undefined });
    expect(() => decorateHandler({ ttl: -1 })).toThrow(/^@LockedHandler on Object\.pay: ttl must be/);
    expect(() => decorateHandler({ onHeld: 'skip' })).toThrow(
      "onHeld must be one of 'throw', 'wait', got 'skip'",
    );
    expect(() => decorateHandler({ once: 'tick' })).toThrow('unknown option "once"');
    const descriptor = { value: (): void => undefined };
    LockedHandler()({}, 'pay', descriptor);
    expect(() => LockedHandler()({}, 'pay', descriptor)).toThrow('the method has @LockedHandler twice');
    expect(() => decorateHandler({ key: 'a:fence' })).toThrow('key must not end in ":fence"');
  });

  it('@DistributedLock refuses anything but a method of an instance', () => {
    const locked = DistributedLock({ key: 'k' }) as (
      target: object,
      property: string,
      descriptor?: object,
    ) => void;
    class Tasks {}
    expect(() => (locked as unknown as ClassDecorator)(Tasks)).toThrow(
      '@DistributedLock on the class Tasks: only a method of an instance can be locked',
    );
    expect(() => locked(Tasks, 'job', { value: () => undefined })).toThrow(
      'only a method of an instance can be locked',
    );
    expect(() => locked(Tasks.prototype, 'job')).toThrow('only a method of an instance can be locked');
    expect(() => locked(Tasks.prototype, 'job', { get: () => undefined })).toThrow(
      'only a method of an instance',
    );
  });

  it.each<[string, unknown]>([
    ['@DistributedLock', DistributedLock()],
    ['@LockedHandler', LockedHandler()],
    ['@RunOnLeader', RunOnLeader('outbox')],
  ])('%s refuses a static method by the name of its class', (name, decorator) => {
    class Tasks {}
    const decorateStatic = decorator as (target: object, property: string, descriptor: object) => void;
    expect(() => decorateStatic(Tasks, 'job', { value: async () => undefined })).toThrow(
      `${name} on Tasks.job: only a method of an instance can`,
    );
  });

  it.each<[string, (options: object) => unknown]>([
    ['@DistributedLock', DistributedLock],
    ['@LockedHandler', LockedHandler],
  ])('%s says what to set if a compiler calls it by the rules of the standard', (name, decorator) => {
    const context = { kind: 'method', name: 'report', static: false, private: false, metadata: {} };
    const decorateMethod = decorator({ key: 'report' }) as (method: unknown, facts: object) => void;
    expect(() => decorateMethod(async () => undefined, context)).toThrow(TypeError);
    expect(() => decorateMethod(async () => undefined, context)).toThrow(
      `${name} on report: set "experimentalDecorators": true in the tsconfig.json`,
    );
  });

  it.each<[string, (...given: unknown[]) => unknown]>([
    ['@DistributedLock', DistributedLock as () => unknown],
    ['@LockedHandler', LockedHandler as () => unknown],
    ['@RunOnLeader', RunOnLeader as () => unknown],
  ])('%s without parentheses is refused: nothing would be locked', (name, decorator) => {
    class Tasks {
      async job(): Promise<void> {}
    }
    const { prototype } = Tasks;
    const descriptor = Object.getOwnPropertyDescriptor(prototype, 'job');
    expect(() => decorator(prototype, 'job', descriptor)).toThrow(
      new TypeError(`${name} on Tasks.job: write it with parentheses, as ${name}(…)`),
    );
    expect(() => decorator(prototype.job, { kind: 'method', name: 'job' })).toThrow(
      `${name} on job: write it with parentheses, as ${name}(…)`,
    );
    expect(() => decorator(Tasks)).toThrow(`${name} on Tasks: write it with parentheses, as ${name}(…)`);
  });

  it.each(['k'.repeat(10_000), 'line\nbreak'])('the name of an unknown option is shortened', (option) => {
    const length = (options: object): number => {
      try {
        decorate(options);
        return Infinity;
      } catch (error) {
        return (error as Error).message.length;
      }
    };
    expect(length({ [option]: 1 })).toBeLessThan(400);
    expect(length({ ttl: option, key: [option] })).toBeLessThan(400);
    expect(length({ onHeld: option })).toBeLessThan(400);
  });

  it('@DistributedLock refuses a second lock on the same method', () => {
    const descriptor = { value: async () => undefined };
    class Tasks {}
    DistributedLock()(Tasks.prototype, 'job', descriptor);
    expect(() => DistributedLock()(Tasks.prototype, 'job', descriptor)).toThrow(
      'Tasks.job has @DistributedLock twice; it takes one: to lock several things, give it a list of keys',
    );
  });
});

describe('durations', () => {
  it.each<[LockSettings['ttl'], number]>([
    [300, 300_000],
    [0.5, 500],
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
  ])('a ttl of %p is %p ms', (ttl, ms) => {
    expect(normalizeOptions('here', { ttl: ttl! }, undefined)).toEqual({ ttlMs: ms });
  });

  it.each<[LockSettings['retryDelay'], number]>([
    [300, 300],
    ['500ms', 500],
    ['1.5s', 1_500],
    ['5m', 300_000],
  ])('a retryDelay of %p is %p ms', (retryDelay, ms) => {
    expect(normalizeOptions('here', { retryDelay: retryDelay! }, undefined)).toEqual({ retryDelayMs: ms });
  });

  it('numbers of ttl, wait, minHold and maxHold are seconds, and of retryDelay milliseconds', () => {
    const settings: LockSettings = { ttl: 10, retryDelay: 5, wait: 7, minHold: 1, maxHold: 60 };
    expect(normalizeOptions('here', settings, 'wait')).toEqual({
      ttlMs: 10_000,
      retryDelayMs: 5,
      waitMs: 7_000,
      minHoldMs: 1_000,
      maxHoldMs: 60_000,
    });
  });

  it('strings of all five options say their own unit', () => {
    const settings: LockSettings = {
      ttl: '10s',
      retryDelay: '5ms',
      wait: '7m',
      minHold: '1s',
      maxHold: '1h',
    };
    expect(normalizeOptions('here', settings, 'wait')).toEqual({
      ttlMs: 10_000,
      retryDelayMs: 5,
      waitMs: 420_000,
      minHoldMs: 1_000,
      maxHoldMs: 3_600_000,
    });
  });
});
