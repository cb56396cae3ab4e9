import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../support/until.js';
import { panelQueries, panelsInFiles } from './dashboard-file.js';
import { PLAUSIBLE } from './plausible.js';
import { PrometheusServer } from './prometheus-server.js';
import { unansweredQueries } from './unanswered.js';
import { Workload } from './workload.js';

const queries = panelQueries({ rateInterval: '10s', range: '10m', window: '10m' });

describe('the dashboards over a real Prometheus', () => {
  let workload: Workload;
  let prometheus: PrometheusServer;

  beforeAll(async () => {
    workload = await Workload.start();
    prometheus = await PrometheusServer.start(workload.targets);
  });

  afterAll(async () => {
    await prometheus?.stop();
    await workload?.stop();
  });

  it('every panel of the dashboards has an expectation', () => {
    expect(Object.keys(PLAUSIBLE)).toEqual(panelsInFiles.map(({ title }) => title));
  });

  it.each(queries)('the panel query shows what the workers do: $name', async ({ panel, expr, legend }) => {
    await until(
      async () => {
        const samples = await prometheus.query(expr);
        expect(samples).not.toEqual([]);
        PLAUSIBLE[panel]?.(samples);
        for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
          for (const { labels } of samples) expect(labels[label]).toMatch(/./);
        }
        for (const { value } of samples) expect(Number.isNaN(value) || value >= 0).toBe(true);
        return true;
      },
      { what: expr, everyMs: 100 },
    );
  });

  it('every panel query has a number at the same time', async () => {
    await until(async () => (await unansweredQueries(prometheus)).length === 0, {
      what: 'every panel to answer',
    });
  });

  it('Prometheus evaluates all alerts without an error, and the expected ones are active', async () => {
    const states = await until(
      async () => {
        const rules = await prometheus.rules();
        expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
        const found = Object.fromEntries(rules.map(({ name, state }) => [name, state]));
        expect(found).toMatchObject({
          QuorlockAttemptsUnreachable: 'firing',
          QuorlockLeaseLost: 'firing',
        });
        return found;
      },
      { what: 'the alerts to fire', everyMs: 100 },
    );
    const on = ['pending', 'firing'];
    expect(on).toContain(states['QuorlockNoQuorum']);
    expect(on).toContain(states['QuorlockFallbackActive']);
    expect(on).toContain(states['QuorlockNodeNotReady']);
    expect(states['QuorlockAttemptsContended']).toBe('inactive');
    expect(states['QuorlockNothingAcquired']).toBe('inactive');
    expect(states['QuorlockLockNotAcquired']).toBe('inactive');
  });
});
