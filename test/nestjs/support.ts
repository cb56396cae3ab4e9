import { afterEach } from '@jest/globals';
import type { INestApplication, LoggerService, ModuleMetadata } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  LockManager,
  memoryNode,
  type AcquireOptions,
  type Lease,
  type LockEvent,
  type LockNode,
} from '../../src/index.js';
import { failed } from '../../src/core/vote.js';
import {
  QuorlockModule,
  type QuorlockModuleExtras,
  type QuorlockModuleOptions,
} from '../../src/nestjs/index.js';

/** One line of the log, as Nest gives it to a logger. */
export interface Line {
  readonly level: string;
  readonly message: string;
  readonly context: string | undefined;
}

/** A logger that keeps its lines. */
export class Log implements LoggerService {
  readonly lines: Line[] = [];
  log = this.#keep('log');
  error = this.#keep('error');
  warn = this.#keep('warn');
  debug = this.#keep('debug');
  verbose = this.#keep('verbose');
  fatal = this.#keep('fatal');

  /** The messages of one context, at one level or at all levels. */
  of(context: string, level?: string): string[] {
    return this.lines
      .filter((line) => line.context === context && (level === undefined || line.level === level))
      .map(({ message }) => message);
  }

  #keep(level: string) {
    return (message: unknown, ...rest: unknown[]): void => {
      const context = rest.at(-1);
      this.lines.push({
        level,
        message: String(message),
        context: typeof context === 'string' ? context : undefined,
      });
    };
  }
}

const opened: INestApplication[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()));
});

export interface Application {
  readonly app: INestApplication;
  readonly log: Log;
  readonly events: LockEvent[];
}

type Options = QuorlockModuleOptions & QuorlockModuleExtras;
/** What is done to an application before it is initialized. */
type Prepare = (app: INestApplication) => void;

/**
 * Starts a real application with locks, which is closed after the test. By default it locks on one node in
 * memory.
 */
export async function start(
  metadata: ModuleMetadata,
  options: Options = {},
  prepare?: Prepare,
  adapter?: AbstractHttpAdapter,
): Promise<Application> {
  const events: LockEvent[] = [];
  const module = QuorlockModule.forRoot({
    nodes: [memoryNode()],
    app: 'tests',
    drainMs: 0,
    listeners: [(event) => events.push(event)],
    ...options,
  });
  const imports = [...(metadata.imports ?? []), module];
  const { app, log } = await startWith({ ...metadata, imports }, prepare, adapter);
  return { app, log, events };
}

/** Starts a real application without a lock module of its own. */
export async function startWith(
  metadata: ModuleMetadata,
  prepare: Prepare = () => undefined,
  adapter?: AbstractHttpAdapter,
): Promise<Omit<Application, 'events'>> {
  const log = new Log();
  const module = await Test.createTestingModule(metadata).setLogger(log).compile();
  const app = adapter === undefined ? module.createNestApplication() : module.createNestApplication(adapter);
  opened.push(app);
  prepare(app);
  await app.init();
  return { app, log };
}

/** Records the tick of every run that got its lock. */
export function ticksOf({ app }: Pick<Application, 'app'>): (number | undefined)[] {
  const ticks: (number | undefined)[] = [];
  const locks = app.get(LockManager);
  const withLock = locks.withLock.bind(locks);
  locks.withLock = <T>(key: string | readonly string[], options: unknown, routine?: Routine<T>): Promise<T> =>
    withLock(key, options as AcquireOptions, (lease) => {
      ticks.push((options as AcquireOptions).tick);
      return routine!(lease);
    });
  const runOnce = locks.runOnce.bind(locks);
  locks.runOnce = (options, routine) =>
    runOnce(options, (run, lease) => {
      ticks.push(run.tick);
      return routine(run, lease);
    });
  return ticks;
}

type Routine<T> = (lease: Lease) => T | PromiseLike<T>;

/** Starts the server of an application on a free loopback port, and returns its url. */
export async function listen({ app }: { readonly app: INestApplication }): Promise<string> {
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

/** A node in memory that can be cut off. */
export function fragileNode(): LockNode & { reachable: boolean } {
  const node = Object.assign(memoryNode(), { reachable: true });
  const cutOff: LockNode['ask'] = (_, receiver, nodeIndex) =>
    queueMicrotask(() => receiver.receive(nodeIndex, failed('unreachable', new Error('cut off'))));
  return new Proxy(node, {
    get(target, property) {
      if (!target.reachable && property === 'ask') return cutOff;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A promise that stays pending until `open()`. */
export function closedDoor<T = void>(): { readonly promise: Promise<T>; open(value: T): void } {
  let open: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => (open = resolve));
  return { promise, open: (value) => open(value) };
}
