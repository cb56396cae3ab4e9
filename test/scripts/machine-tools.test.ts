import { expect, it } from '@jest/globals';
import { noticeOf, TOOLS } from '../../scripts/machine-tools.mjs';

const redis = TOOLS['redis']!;

it('the notice names each Debian package, its purpose, and why apt-get needs root', () => {
  const notice = noticeOf({ dependencies: false, tools: redis, asRoot: [] });
  expect(notice).toContain('redis-server: the nodes that tests and benchmarks start');
  expect(notice).toContain('apt-get install redis-server');
  expect(notice).toMatch(/needs root, because .*You are root/);
  expect(notice).not.toContain('npm');
});

it('the notice says by which command root is had', () => {
  const notice = noticeOf({ dependencies: false, tools: redis, asRoot: ['sudo', '-n'] });
  expect(notice).toContain('`sudo -n`');
});

it('the notice does not mention root when only npm dependencies are missing', () => {
  const notice = noticeOf({ dependencies: true, tools: [], asRoot: [] });
  expect(notice).toContain('npm ci');
  expect(notice).not.toContain('root');
});

it('every set of tools brings redis-server', () => {
  for (const tools of Object.values(TOOLS)) expect(tools).toEqual(expect.arrayContaining([...redis]));
});
