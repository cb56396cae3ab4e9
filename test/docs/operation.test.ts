import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { ALERT_RULES } from '../../grafana/src/alert-rules.js';
import { targets } from '../../benchmarks/bench/targets.js';
import type { Results } from '../../benchmarks/bench/results.js';
import * as labels from '../../src/prometheus/label-values.js';
import { lockMetrics, METRIC_NAMES, METRICS } from '../../src/prometheus/index.js';
import { codeIn, pageOf, plain, rootUrl, tableOf, tablesOf } from './markdown.js';

const metricsPage = pageOf('docs/metrics-and-grafana.md');
const errorPage = pageOf('docs/errors-and-troubleshooting.md');
const metricRows = tableOf(metricsPage, 'metric');

describe('the metrics table', () => {
  it('names every metric with its type and its labels', async () => {
    const register = new Registry();
    lockMetrics({ register });
    const described = await register.getMetricsAsJSON();
    const actual = described.map(({ name, type }) => {
      const { labelNames } = register.getSingleMetric(name) as unknown as { labelNames: string[] };
      return { metric: name, type: String(type), labels: [...labelNames] };
    });
    const told = metricRows.map((row) => ({
      metric: plain(row['metric']),
      type: row['type'],
      labels: codeIn(row['labels']),
    }));
    expect(told).toEqual(METRIC_NAMES.map((name) => actual.find(({ metric }) => metric === name)));
  });

  it.each([
    [METRICS.skipped, labels.SKIP_REASONS],
    [METRICS.failed, labels.FAILURE_REASONS],
    [METRICS.expired, labels.LOSS_REASONS],
    [METRICS.extensions, labels.EXTENSION_OUTCOMES],
    [METRICS.acquireDuration, labels.ACQUIRE_OUTCOMES],
    [METRICS.runs, labels.RUN_OUTCOMES],
    [METRICS.ticksMissed, labels.MISSED_REASONS],
    [METRICS.ticksAbandoned, labels.ABANDONED_REASONS],
    [METRICS.votes, labels.VOTES],
    [METRICS.nodeState, labels.NODE_STATES],
  ])('names the values of the last label of %s', (metric, values) => {
    const row = metricRows.find((one) => plain(one['metric']) === metric);
    expect(codeIn(row?.['meaning']).sort()).toEqual([...values].sort());
  });
});

describe('the table of what to do', () => {
  it('has a row for every metric', () => {
    const seen = tableOf(metricsPage, 'seen').map((row) => row['seen']!);
    expect(METRIC_NAMES.filter((metric) => !seen.some((text) => text.includes(metric)))).toEqual([]);
  });
});

describe('the section of alerts', () => {
  it('has each alert with its severity and its delay, and no other', () => {
    const told = [
      ...metricsPage.matchAll(/^### (Quorlock\w+)\n\n(\w+), (?:after (\d+) minutes?|at once)\./gm),
    ];
    expect(
      told.map(([, alert, severity, minutes = '0']) => ({ alert, severity, for: `${minutes}m` })),
    ).toEqual(
      ALERT_RULES.map((rule) => ({
        alert: rule.alert,
        severity: rule.severity === 'critical' ? 'Critical' : 'Warning',
        for: rule.for,
      })),
    );
    expect(metricsPage.match(/^### /gm)).toHaveLength(ALERT_RULES.length);
  });
});

describe('the table of panels', () => {
  it.each([
    ['jobs.json', 0],
    ['quorlock.json', 1],
  ])('names every panel of %s, and no other', (file, index) => {
    const { panels } = JSON.parse(pageOf(`grafana/${file}`)) as {
      panels: { title: string; type: string }[];
    };
    const titles = panels.filter(({ type }) => type !== 'row').map(({ title }) => title);
    const told = tablesOf(metricsPage, 'panels')[index]!.flatMap((row) =>
      [...row['panels']!.matchAll(/_([^_]+)_/g)].map((match) => match[1]!),
    );
    expect(told.sort()).toEqual(titles.sort());
  });
});

/**
 * The sources as one text in which literals that are added up are one, and what is put into a template is a
 * gap.
 */
const sources = readdirSync(new URL('src/', rootUrl), { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(new URL(`src/${file}`, rootUrl), 'utf8'))
  .join('\n')
  .replace(/['`]\s*\+\s*['`]/g, '');

describe('the log lines', () => {
  const lines = [...tablesOf(errorPage, 'line'), ...tablesOf(errorPage, 'reason')].flatMap((rows) =>
    rows.map((row) => codeIn(row['line'] ?? row['reason'])[0]!),
  );

  it.each(lines)('are in the sources: %s', (line) => {
    // What stands before a colon, and what in parentheses, is put together with the rest at run time.
    const fixed = line
      .replace(/(?<=held by )(?:another|this) instance/, '…')
      .split(/…|: | \(/)
      .map((part) => part.trim());
    expect(fixed.filter((part) => part.length > 3 && !sources.includes(part))).toEqual([]);
  });

  it('leave out none that the Nest module writes', () => {
    const written = [...sources.matchAll(/logger\.(?:log|debug|warn|error)\(\s*[`']([^`'$]{8,})/g)];
    expect(written.length).toBeGreaterThan(5);
    expect(written.map((match) => match[1]!.trim()).filter((text) => !errorPage.includes(text))).toEqual([]);
  });
});

describe('the ratios on the page of benchmarks', () => {
  const page = pageOf('docs/benchmarks.md');
  const results = JSON.parse(pageOf('benchmarks/results/bench.json')) as Results;
  const reached = new Map(targets(results.rows).map((target) => [target.what, target.reached]));

  it.each([
    ['locks and releases a second, 128 in flight', 'N = 5, 128 in flight, cycles/s against the best peer'],
    ['locks and releases a second, 16 in flight', 'N = 5, 16 in flight, cycles/s against the best peer'],
    [
      'hand-overs a second, 64 callers waiting in four processes',
      'contended, 64 waiters in 4 processes, no hold: hand-offs/s against the best peer',
    ],
    ['CPU for 10,000 held leases', '10,000 held leases: client CPU against the best peer'],
    ['heap for each held lease', '10,000 held leases: heap per lease against the best peer'],
    ['time of a lone lock and release, p50', 'N = 5, 1 in flight, p50 against the plain floor'],
  ])('are those of the results: %s', (measured, target) => {
    const row = tablesOf(page, 'measured')
      .flat()
      .find((one) => one['measured'] === measured);
    expect(row?.['ratio']).toBe(reached.get(target));
  });
});
