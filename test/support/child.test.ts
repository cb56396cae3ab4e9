import { expect, it } from '@jest/globals';
import { startChild } from './child.js';
import { until } from './until.js';

const file = new URL('./echo-child.ts', import.meta.url);

it('a child runs TypeScript with decorators and talks to the test', async () => {
  const child = startChild(file);
  expect(await child.message()).toEqual({ majority: 3, tag: 'decorated', name: 'Echo' });
  child.send('hello');
  expect(
    await child.message((message) => typeof message === 'object' && message !== null && 'said' in message),
  ).toEqual({
    said: 'echo: hello',
  });
  await until(() => child.output.includes('received hello'));
  expect(await child.kill()).toEqual({ code: null, signal: 'SIGKILL' });
});

it('a stopped child can be killed', async () => {
  const child = startChild(file);
  await child.message();
  child.pause();
  expect((await child.kill()).signal).toBe('SIGKILL');
});

it('waiting for a message rejects with the output of the child as soon as it has ended', async () => {
  const child = startChild(new URL('./no-such-child.ts', import.meta.url));
  await expect(child.message()).rejects.toThrow(/no-such-child/);
});
