import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, it } from '@jest/globals';
import { noteStorages } from './used-storages.mjs';

it.each<[string, (storage: AsyncLocalStorage<string>, then: () => void) => void]>([
  ['run', (storage, then) => storage.run('here', then)],
  [
    'enterWith',
    (storage, then) => {
      storage.enterWith('here');
      then();
    },
  ],
])('a storage that was used by %s is put out of use', (_name, use) => {
  const forget = noteStorages();
  const storage = new AsyncLocalStorage<string>();
  use(storage, () => {
    expect(storage.getStore()).toBe('here');
    forget();
    expect(storage.getStore()).toBeUndefined();
  });
});

it('a storage whose use is over is left alone by later notes, and works when it is used again', () => {
  const storage = new AsyncLocalStorage<string>();
  const forgetFirst = noteStorages();
  storage.run('once', () => undefined);
  forgetFirst();
  const forgetSecond = noteStorages();
  forgetSecond();
  expect(storage.run('again', () => storage.getStore())).toBe('again');
});

it('run hands its arguments on and gives what it returns, while storages are noted', () => {
  const storage = new AsyncLocalStorage<string>();
  const forget = noteStorages();
  const said = storage.run('here', (one: number, two: number) => `${storage.getStore()} ${one} ${two}`, 1, 2);
  forget();
  expect(said).toBe('here 1 2');
});

it('the methods are as they were when the notes end', () => {
  const { run, enterWith } = AsyncLocalStorage.prototype;
  noteStorages()();
  expect(AsyncLocalStorage.prototype).toMatchObject({ run, enterWith });
});
