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
  it('the plan leaves a majority of the nodes up at every moment, and all nodes at the end', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const away = new Set<number>();
        for (const step of planOf(chosen).steps) {
          if (step.action === 'kill-worker') continue;
          if (step.action === 'kill-node' || step.action === 'stop-node') {
            if (away.has(step.node)) return false;
            away.add(step.node);
          } else if (!away.delete(step.node)) return false;
          if (chosen.nodes - away.size <= chosen.nodes / 2) return false;
        }
        return away.size === 0;
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

  it('the plan kills one worker, early enough for another to take over', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const { steps, jobs } = planOf(chosen);
        const kills = steps.filter(({ action }) => action === 'kill-worker');
        // The wait for a holder to kill, its TTL, and one retry.
        const takenOverMs = kills[0]!.atMs + 2 * jobs.longTtlMs + jobs.longTtlMs + jobs.longRetryMs;
        return (
          kills.length === 1 && takenOverMs < endMs(chosen) && steps.every(({ atMs }) => atMs < endMs(chosen))
        );
      }),
    );
  });

  it.each([
    [1, /no node is killed or stopped: the only node is the majority/],
    [2, /no node is killed or stopped: both nodes are needed/],
    [3, /one node is away at a time: two of 3/],
    [4, /one node is away at a time: two of 4/],
  ])('the plan says what it leaves out with %i nodes', (nodes, note) => {
    expect(planOf({ seconds: 30, workers: 3, nodes }).notes).toEqual([expect.stringMatching(note)]);
  });

  it('the plan leaves nothing out with five nodes', () => {
    const { steps, notes } = planOf({ seconds: 30, workers: 3, nodes: 5 });
    expect(notes).toEqual([]);
    expect(steps.map(({ action }) => action)).toEqual([
      'kill-node',
      'stop-node',
      'kill-worker',
      'resume-node',
      'restart-node',
    ]);
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
