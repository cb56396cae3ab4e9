import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { ALERT_RULES } from '../../grafana/src/alert-rules.js';
import { lockMetrics } from '../../src/prometheus/index.js';
import { everyEvent } from '../prometheus/every-event.js';
import { readings } from '../prometheus/readings.js';
import { dashboardFiles, panelQueries } from './dashboard-file.js';
import { metricsIn } from './metrics-in.js';
import { promtool } from './promtool.js';

/** The labels that the scrape adds to every series. */
const SCRAPE_LABELS = ['job', 'instance'];

const queries = [
  ...panelQueries({ rateInterval: '1m', range: '6h', window: '30m' }),
  ...ALERT_RULES.map(({ alert, expr }) => ({ name: alert, expr })),
];

describe('every expression of the dashboard and the alerts', () => {
  /** The labels of each metric that lockMetrics() exposes. */
  const exposed = new Map<string, ReadonlySet<string>>();

  beforeAll(async () => {
    const register = new Registry();
    const listener = lockMetrics({ register });
    everyEvent.forEach((event) => listener(event));
    for (const { name, labels } of await readings(register)) {
      exposed.set(name, new Set([...Object.keys(labels), ...SCRAPE_LABELS]));
    }
  });

  it.each(queries)('the expression reads metrics and labels that are exposed: $name', ({ expr }) => {
    const { selectors, grouping } = metricsIn(expr);
    expect(selectors.length).toBeGreaterThan(0);
    for (const { metric, labels } of selectors) {
      expect([...exposed.keys()]).toContain(metric);
      expect([...exposed.get(metric)!]).toEqual(expect.arrayContaining([...labels, ...grouping]));
    }
  });

  it('promtool accepts all expressions of the dashboard and the alerts', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'quorlock-rules-'));
    try {
      const file = join(directory, 'rules.yml');
      const rules = queries.map(({ expr }, index) => ({ record: `checked:${index}`, expr }));
      // JSON is YAML.
      await writeFile(file, JSON.stringify({ groups: [{ name: 'checked', rules }] }));
      const { code, output } = await promtool(['check', 'rules', file]);
      expect(output).toContain(`SUCCESS: ${queries.length} rules found`);
      expect(code).toBe(0);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('legends have only labels that their expression keeps', () => {
    for (const { expr, legend } of panelQueries({ rateInterval: '1m', range: '6h', window: '30m' })) {
      for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g))
        expect(metricsIn(expr).grouping).toContain(label);
    }
  });

  it('metricsIn refuses an expression with wrong syntax', () => {
    expect(() => metricsIn('sum by (lock (quorlock_acquired_total)')).toThrow(SyntaxError);
  });
});

describe.each(dashboardFiles)('the variables of the dashboard $uid', (dashboard) => {
  it('ask for labels that are exposed', () => {
    const definitions = dashboard.templating.list.flatMap(({ definition }) => definition ?? []);
    expect(definitions).toHaveLength(3);
    for (const definition of definitions) {
      const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
      const [found] = metricsIn(selector.replaceAll(/\$\w+/g, '.*')).selectors;
      expect(found?.metric).toMatch(/^quorlock_(fallback_active|acquired_total)$/);
      expect(['job', 'instance', 'lock']).toContain(label);
    }
  });
});
