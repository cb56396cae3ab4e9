import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Post } from '@nestjs/common';
import { LockManager } from '../../src/index.js';
import { DistributedLock, LockedHandler } from '../../src/nestjs/index.js';
import { findApplicationName } from '../../src/nestjs/keys/application-name.js';
import { start, type Application } from './support.js';

/** A folder with an application in it. */
let root = '';

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'quorlock-app-'));
  const write = (file: string, text: string): void => {
    mkdirSync(join(root, file, '..'), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  write('orders/package.json', '{"name": "@acme/orders"}');
  write('orders/dist/package.json', '{"type": "module"}');
  write('orders/dist/main.js', '');
  write('orders/node_modules/pm2/package.json', '{"name": "pm2"}');
  write('orders/node_modules/pm2/run.js', '');
  write('broken/package.json', '{"name":');
  write('billing/package.json', '{"name": "billing"}');
  symlinkSync(join(root, 'orders/dist/main.js'), join(root, 'billing/orders'));
});

afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

afterEach(() => {
  jest.restoreAllMocks();
});

/** The name, where the script and the folder are paths from the root. */
const nameOf = (script: string | undefined, folder: string, byNpm?: string): string | undefined =>
  findApplicationName({
    environment: byNpm === undefined ? {} : { npm_package_name: byNpm },
    script: script === undefined ? undefined : join(root, script),
    folder: join(root, folder),
  });

describe('the name of the application', () => {
  it.each([
    ['the package whose script npm runs', 'orders/dist/main.js', 'orders', 'shop', 'shop'],
    [
      'the nearest package.json with a name above the script',
      'orders/dist/main.js',
      'billing',
      '',
      '@acme/orders',
    ],
    ['that of the script that a link leads to', 'billing/orders', 'billing', '', '@acme/orders'],
    [
      'that of the folder where the script is an installed package',
      'orders/node_modules/pm2/run.js',
      'billing',
      '',
      'billing',
    ],
    ['that of the folder where there is no script', undefined, 'billing', '', 'billing'],
    ['that of the folder where the script is not there', 'none/main.js', 'billing', '', 'billing'],
  ])('the name of the application is %s', (_which, script, folder, byNpm, expected) => {
    expect(nameOf(script, folder, byNpm)).toBe(expected);
  });

  it('the name of the application is unknown where no package.json tells it', () => {
    expect(nameOf('broken/main.js', 'broken')).toBeUndefined();
  });
});

/** Two applications each have a class of this name, as Nest's documentation suggests. */
function tasksService(): new () => { handleCron(): Promise<string> } {
  @Injectable()
  class TasksService {
    @DistributedLock()
    async handleCron(): Promise<string> {
      return 'done';
    }
  }
  return TasksService;
}

const warningsOf = ({ log }: Application): string[] => log.of('DistributedLock', 'warn');

describe('the default key', () => {
  it('the default key is one of the application', async () => {
    const [Orders, Billing] = [tasksService(), tasksService()];
    const { app } = await start({ providers: [Orders] }, { app: 'orders' });
    const locks = app.get(LockManager);
    const held = await locks.acquire('billing:TasksService.handleCron');
    expect(await app.get(Orders).handleCron()).toBe('done');
    const own = await locks.acquire('orders:TasksService.handleCron');
    expect(await app.get(Orders).handleCron()).toBeUndefined();
    await Promise.all([held.release(), own.release()]);
    expect(warningsOf(await start({ providers: [Billing] }, { app: 'billing' }))).toEqual([]);
  });

  it('the default key is without an application where the option app is empty', async () => {
    const Tasks = tasksService();
    const { app } = await start({ providers: [Tasks] }, { app: '' });
    const held = await app.get(LockManager).acquire('TasksService.handleCron');
    expect(await app.get(Tasks).handleCron()).toBeUndefined();
    await held.release();
  });

  it('the label of a method is without the application', async () => {
    const { events } = await start({ providers: [tasksService()] });
    expect(events).toContainEqual({ type: 'declared', name: 'TasksService.handleCron' });
  });

  it('two applications in one process with the same default key cause a warning, or an error with strictKeys', async () => {
    await start({ providers: [tasksService()] });
    const message =
      'Two applications in this process have the default lock key "tests:TasksService.handleCron": only ' +
      'one of them runs at a time. Give their modules the option app, or give each method a key';
    const second = await start({ providers: [tasksService()] });
    expect(warningsOf(second)).toEqual([message]);
    await expect(start({ providers: [tasksService()] }, { strictKeys: true })).rejects.toThrow(message);
    await second.app.close();
  });

  it('two workers of one application in one process cause no warning, nor does a restart', async () => {
    const Tasks = tasksService();
    await start({ providers: [Tasks] }, { app: 'workers' });
    const second = await start({ providers: [Tasks] }, { app: 'workers' });
    expect(warningsOf(second)).toEqual([]);
    const earlier = await start({ providers: [tasksService()] }, { app: 'restarts' });
    await earlier.app.close();
    expect(warningsOf(await start({ providers: [tasksService()] }, { app: 'restarts' }))).toEqual([]);
  });

  it('an unknown application causes a warning, if a method has a default key', async () => {
    jest.replaceProperty(process, 'argv', ['node']);
    jest.spyOn(process, 'cwd').mockReturnValue(join(root, 'broken'));
    jest.replaceProperty(process, 'env', { ...process.env, npm_package_name: '' });
    const unknown = await start({ providers: [tasksService()] }, { app: undefined });
    expect(warningsOf(unknown)).toEqual([
      expect.stringMatching(
        /^The application has no name, so default keys such as "TasksService\.handleCron"/,
      ),
    ]);

    class Keyed {
      @Post()
      @LockedHandler({ key: 'pay' })
      pay(): void {}
    }
    const keyed = await start({ providers: [Keyed] }, { app: undefined });
    expect(warningsOf(keyed)).toEqual([]);
  });

  it.each([
    [7, 'app must be a string, got 7'],
    ['a'.repeat(129), 'app must have at most 128 characters'],
    ['a\nb', 'no control characters'],
  ])('the option app does not take %j', async (app, message) => {
    await expect(start({}, { app } as object)).rejects.toThrow(message);
  });
});
