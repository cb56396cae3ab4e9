import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readOptions } from '../../examples/demo/options.js';
import { endMs, planOf } from '../../examples/demo/plan.js';

const options = fc.record({
  seconds: fc.integer({ min: 10, max: 3_600 }),
  workers: fc.integer({ min: 2, max: 20 }),
  nodes: fc.integer({ min: 1, max: 9 }),
});

describe('the plan', () => {
  it('the plan takes the majority away for one stretch only, and all nodes are up at its end', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const away = new Set<number>();
        let outages = 0;
        for (const step of planOf(chosen).steps) {
          if (step.action === 'kill-worker') continue;
          const nodes = 'nodes' in step ? step.nodes : [step.node];
          const isBack = step.action.startsWith('re');
          for (const node of nodes) {
            if (isBack ? !away.delete(node) : away.has(node)) return false;
            if (!isBack) away.add(node);
          }
          if (step.action === 'stop-majority') outages++;
          const isOutage = chosen.nodes - away.size <= chosen.nodes / 2;
          if (isOutage !== (step.action === 'stop-majority')) return false;
        }
        return away.size === 0 && outages === 1;
      }),
    );
  });

  it('the plan stops no more nodes for the outage than it needs, and kills none of them', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const stop = planOf(chosen).steps.find(({ action }) => action === 'stop-majority');
        const left = chosen.nodes - (stop !== undefined && 'nodes' in stop ? stop.nodes.length : 0);
        return left === Math.floor(chosen.nodes / 2);
      }),
    );
  });

  it('the outage ends soon after a tick of the job that catches up, and before half of its time', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const { steps, jobs } = planOf(chosen);
        const [stop, resume] = steps;
        if (stop?.action !== 'stop-majority' || resume?.action !== 'resume-majority') return false;
        const missed = Math.floor(resume.atMs / jobs.catchUpEveryMs);
        // The first tick makes the job known to the nodes: nothing is caught up on a first deployment.
        const isFirstOut = Math.ceil(stop.atMs / jobs.catchUpEveryMs) === 1;
        return (
          isFirstOut &&
          missed >= 1 &&
          missed <= 2 &&
          resume.atMs % jobs.catchUpEveryMs < jobs.catchUpEveryMs / 2
        );
      }),
    );
  });

  it('the plan keeps a node that loses its data away for longer than two TTLs', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const { steps, jobs } = planOf(chosen);
        const killedAt = new Map<number, number>();
        for (const step of steps) {
          if (step.action === 'kill-node') killedAt.set(step.node, step.atMs);
          if (step.action !== 'restart-node') continue;
          if (step.atMs - killedAt.get(step.node)! <= 2 * jobs.longTtlMs) return false;
        }
        return true;
      }),
    );
  });

  it('the plan kills a worker of each kind, one after the other, while the majority is up', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const { steps } = planOf(chosen);
        const victims = steps.flatMap((step) => (step.action === 'kill-worker' ? [step.victim] : []));
        const names = steps.map(({ action }) => action);
        return (
          victims.join() === 'long-job,retry-job,leader' &&
          names.indexOf('kill-worker') > names.indexOf('resume-majority') &&
          steps.every(({ atMs }) => atMs < endMs(chosen))
        );
      }),
    );
  });

  it('from the default length on, there is time to take over from the last worker that is killed', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const length = { ...chosen, seconds: Math.max(30, chosen.seconds) };
        const { steps, jobs } = planOf(length);
        const last = steps.findLast(({ action }) => action === 'kill-worker');
        return last !== undefined && last.atMs + 2 * jobs.leaderTtlMs < endMs(length);
      }),
    );
  });

  it.each([
    [1, /no node is killed, or stopped while jobs run: the only node is the majority/],
    [2, /no node is killed, or stopped while jobs run: both nodes are needed/],
    [3, /one node is away at a time while jobs run: two of 3/],
    [4, /one node is away at a time while jobs run: two of 4/],
  ])('the plan says what it leaves out with %i nodes', (nodes, note) => {
    expect(planOf({ seconds: 30, workers: 3, nodes }).notes).toEqual([expect.stringMatching(note)]);
  });

  it('the plan leaves nothing out with five nodes', () => {
    const { steps, notes } = planOf({ seconds: 30, workers: 3, nodes: 5 });
    expect(notes).toEqual([]);
    expect(steps.map(({ action }) => action)).toEqual([
      'stop-majority',
      'resume-majority',
      'kill-node',
      'stop-node',
      'kill-worker',
      'kill-worker',
      'resume-node',
      'restart-node',
      'kill-worker',
    ]);
  });

  it('the plan of a short demo says that it is short', () => {
    expect(planOf({ seconds: 19, workers: 3, nodes: 5 }).notes).toEqual([expect.stringMatching(/short/)]);
  });
});

describe('the command line', () => {
  it('the command line of the demo has defaults', () => {
    expect(readOptions([])).toEqual({ seconds: 30, workers: 3, nodes: 5 });
  });

  it('the command line of the demo accepts the bounds themselves', () => {
    expect(readOptions(['--seconds', '10', '--workers=2', '--nodes', '1'])).toEqual({
      seconds: 10,
      workers: 2,
      nodes: 1,
    });
    expect(readOptions(['--seconds=3600', '--workers', '20', '--nodes=9'])).toEqual({
      seconds: 3_600,
      workers: 20,
      nodes: 9,
    });
  });

  it('the command line of the demo gives help', () => {
    expect(readOptions(['--help'])).toBe('help');
    expect(readOptions(['-h'])).toBe('help');
  });

  it.each([
    [['--seconds', '9'], '--seconds must be an integer from 10 to 3600, got "9"'],
    [['--seconds', '3601'], '--seconds must be an integer from 10 to 3600, got "3601"'],
    [['--seconds', '1e2'], '--seconds must be an integer from 10 to 3600, got "1e2"'],
    [['--seconds', '10.5'], '--seconds must be an integer from 10 to 3600, got "10.5"'],
    [['--seconds', ''], '--seconds must be an integer from 10 to 3600, got ""'],
    [['--seconds=-5'], '--seconds must be an integer from 10 to 3600, got "-5"'],
    [['--workers', '1'], '--workers must be an integer from 2 to 20, got "1"'],
    [['--workers', 'three'], '--workers must be an integer from 2 to 20, got "three"'],
    [['--nodes', '0'], '--nodes must be an integer from 1 to 9, got "0"'],
    [['--nodes', '10'], '--nodes must be an integer from 1 to 9, got "10"'],
    [['--nodes', 'Infinity'], '--nodes must be an integer from 1 to 9, got "Infinity"'],
  ])('the command line of the demo refuses %j: %s', (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });

  it.each([[['--node', '5']], [['--seconds']], [['--seconds', '--nodes', '5']], [['extra']]])(
    'the command line of the demo refuses %j and names the argument',
    (args) => {
      expect(() => readOptions(args)).toThrow(new RegExp(String(args[0])));
    },
  );
});
