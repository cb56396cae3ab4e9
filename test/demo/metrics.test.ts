import { expect, it } from '@jest/globals';
import { samplesOf, sumOf } from '../../examples/demo/metrics.js';

const exposition = `# HELP skipped_total Skipped. # TYPE in a help text
# TYPE skipped_total counter
skipped_total{lock="a",reason="held"} 3
skipped_total{lock="a",reason="already_ran"} 4
skipped_total{lock="b, \\"c\\"",reason="held"} 5
skipped_total_of_another{lock="a"} 100
up 1
ratio 1.5e-3
`;

it('sumOf adds up the series of a metric that have the labels', () => {
  const samples = samplesOf(exposition);
  expect(sumOf(samples, 'skipped_total')).toBe(12);
  expect(sumOf(samples, 'skipped_total', { lock: 'a' })).toBe(7);
  expect(sumOf(samples, 'skipped_total', { lock: 'a', reason: 'held' })).toBe(3);
  expect(sumOf(samples, 'skipped_total', { reason: 'held' })).toBe(8);
  expect(sumOf(samples, 'up')).toBe(1);
  expect(sumOf(samples, 'ratio')).toBe(0.0015);
  expect(sumOf(samples, 'none')).toBe(0);
});
