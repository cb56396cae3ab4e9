import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ALERT_RULES } from '../../grafana/src/alert-rules.js';
import { ALERT_CASES, type AlertCase } from './alert-cases.js';
import { alertsPath } from './dashboard-file.js';
import { promtool } from './promtool.js';

const path = fileURLToPath(alertsPath);

const rendered = (text: string, labels: Readonly<Record<string, string>>): string =>
  text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? '');

function expectedAlerts({ alert, fires }: AlertCase) {
  const rule = ALERT_RULES.find((candidate) => candidate.alert === alert);
  if (!rule) throw new Error(`there is no alert ${alert}`);
  return fires.map((labels) => ({
    exp_labels: { ...labels, severity: rule.severity },
    exp_annotations: {
      summary: rendered(rule.summary, labels),
      description: rendered(rule.description, labels),
    },
  }));
}

describe('the alerts', () => {
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'quorlock-alerts-'));
  });

  afterAll(() => rm(directory, { recursive: true }));

  it('the alerts are a valid rule file', async () => {
    const { code, output } = await promtool(['check', 'rules', path]);
    expect(output).toContain(`SUCCESS: ${ALERT_RULES.length} rules found`);
    expect(code).toBe(0);
  });

  it.each(ALERT_CASES.map((one, index) => ({ ...one, index })))(
    '$alert $claim',
    async ({ index, ...one }) => {
      const file = join(directory, `case-${index}.yml`);
      const test = {
        interval: '30s',
        input_series: Object.entries(one.series).map(([series, values]) => ({ series, values })),
        alert_rule_test: [{ eval_time: one.at, alertname: one.alert, exp_alerts: expectedAlerts(one) }],
      };
      await writeFile(
        file,
        JSON.stringify({ rule_files: [path], evaluation_interval: '30s', tests: [test] }),
      );
      expect(await promtool(['test', 'rules', file])).toEqual({
        code: 0,
        output: expect.stringContaining('SUCCESS'),
      });
    },
  );

  it.each(ALERT_RULES)('$alert has a case in which it fires and one in which it does not', (rule) => {
    const cases = ALERT_CASES.filter(({ alert }) => alert === rule.alert);
    expect(cases.some(({ fires }) => fires.length > 0)).toBe(true);
    expect(cases.some(({ fires }) => fires.length === 0)).toBe(true);
    expect(rule.summary).toContain('{{ $labels.');
    expect(rule.description.length).toBeGreaterThan(80);
  });
});
