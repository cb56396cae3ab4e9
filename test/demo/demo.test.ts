import { rm } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { dieWithParent } from '../support/processes.js';
import { until } from '../support/until.js';
import { allGone, startDemo, type Demo } from './demo-process.js';

/** Reads the last line like a program. */
function figuresOf({ stdout }: Demo): Record<string, number> {
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  const counted = 'ticks runs duplicates missed skipped expired extensions overlaps';
  const names = `${counted} caught_up retried`.split(' ');
  expect(last).toMatch(new RegExp(`^demo: ${names.map((name) => `${name}=\\d+`).join(' ')}$`));
  return Object.fromEntries(
    [...last.matchAll(/(\w+)=(\d+)/g)].map(([, name, value]) => [name, Number(value)]),
  );
}

/** The workers that were killed, and those that were started in their place. */
const KILLED = 3;

/**
 * On a busy machine a tick may be missed, or come back too late to be caught up, so this test has three
 * tries. Duplicate and overlapping runs are a failure in every try, on any machine.
 */
it('a short demo is clean by its last line and its exit status, and leaves no process behind', async () => {
  for (let tries = 1; ; tries++) {
    const demo = startDemo('--seconds', '10');
    const exit = await demo.exit;
    await allGone(demo);
    const figures = figuresOf(demo);
    expect({ ...figures, stdout: demo.stdout }).toMatchObject({ ticks: 10, duplicates: 0, overlaps: 0 });
    // Without colours, because it is piped.
    expect(demo.stdout).not.toContain('\u001b');
    expect(demo.stderr).toBe('');
    expect(demo.pids).toHaveLength(5 + 3 + KILLED);
    if (figures['missed'] !== 0) expect(exit).toEqual({ code: 1, signal: null });
    if ((figures['missed'] !== 0 || figures['caught_up'] === 0) && tries < 3) continue;
    expect({ exit, stdout: demo.stdout }).toEqual({
      exit: { code: 0, signal: null },
      stdout: expect.stringMatching(/worker-\d +killed with SIGKILL while it holds long-job/),
    });
    expect(demo.stdout).toMatch(/^catch-up: no majority was up for .*; caught up: /m);
    expect(demo.stdout).toMatch(/^long-job: worker-\d was killed; worker-\d took over /m);
    expect(demo.stdout).toMatch(/^retry-job: worker-\d was killed .*; worker-\d finished it as attempt \d/m);
    expect(demo.stdout).toMatch(/^leader: worker-\d was killed; worker-\d led /m);
    expect(figures).toMatchObject({ missed: 0 });
    // One tick was the killed worker's own, and up to three came near the outage.
    expect(figures['runs']).toBeGreaterThanOrEqual(10 - KILLED - 3);
    expect(figures['caught_up']).toBeGreaterThan(0);
    expect(figures['retried']).toBeGreaterThan(0);
    expect(figures['skipped']).toBeGreaterThan(0);
    expect(figures['extensions']).toBeGreaterThan(0);
    return;
  }
});

describe('whatever ends it, no process is left', () => {
  it.each([
    ['Ctrl-C, which goes to all processes of the terminal', 'SIGINT', 'group', { code: 130, signal: null }],
    ['SIGTERM', 'SIGTERM', 'alone', { code: 143, signal: null }],
  ] as const)('no process of the demo is left after %s', async (_how, signal, whom, end) => {
    const demo = startDemo('--seconds', '60', '--nodes', '3', '--workers', '2');
    await until(() => / tick +\S+ ran on /.test(demo.stdout), { what: 'the first tick' });
    // More, where the machine was so slow that the demo has replaced one before the first tick.
    expect(demo.pids.length).toBeGreaterThanOrEqual(3 + 2);
    process.kill(whom === 'group' ? -demo.child.pid! : demo.child.pid!, signal);
    expect(await demo.exit).toEqual(end);
    await allGone(demo);
    expect(demo.stderr).toContain(`ended by ${signal}`);
    expect(demo.stdout).not.toMatch(/^demo: /m);
  });

  // On other systems a SIGKILL of the demo ends its workers, which notice it, but not its redis-servers.
  if (dieWithParent.length > 0) {
    it('no process of the demo is left after SIGKILL', async () => {
      const demo = startDemo('--seconds', '60', '--nodes', '3', '--workers', '2');
      await until(() => / tick +\S+ ran on /.test(demo.stdout), { what: 'the first tick' });
      expect(demo.pids.length).toBeGreaterThanOrEqual(3 + 2);
      demo.child.kill('SIGKILL');
      expect(await demo.exit).toEqual({ code: null, signal: 'SIGKILL' });
      await allGone(demo);
      // Its processes are gone. Its directory remains, because no process was left to remove it.
      const [directory] = /\/\S*quorlock-demo-[^/]+/.exec(demo.stdout) ?? [];
      await rm(directory!, { recursive: true });
    });
  }
});

it('the demo names a bad option and its bounds before it starts anything', async () => {
  const demo = startDemo('--workers', '1');
  expect(await demo.exit).toEqual({ code: 2, signal: null });
  expect(demo.stderr).toContain('--workers must be an integer from 2 to 20, got "1"');
  expect(demo.stdout).toBe('');
});
