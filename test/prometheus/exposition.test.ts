import { beforeAll, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { lockMetrics, METRIC_NAMES } from '../../src/prometheus/index.js';
import { promtool } from '../grafana/promtool.js';
import { everyEvent } from './every-event.js';

describe('what Prometheus scrapes', () => {
  let exposed: string;

  beforeAll(async () => {
    const register = new Registry();
    const listener = lockMetrics({ register });
    everyEvent.forEach((event) => listener(event));
    exposed = await register.metrics();
  });

  it('the exposed metrics pass the linter of Prometheus', async () => {
    expect(await promtool(['check', 'metrics'], exposed)).toEqual({ code: 0, output: '' });
  });

  it('every metric has a help text that is a sentence', () => {
    for (const name of METRIC_NAMES) expect(exposed).toMatch(new RegExp(`^# HELP ${name} [A-Z].+\\.$`, 'm'));
  });

  it('a lock has fewer than 120 series, and a scheduled job fewer than 90 more', () => {
    const series = exposed.split('\n').filter((line) => line.includes('lock="report"'));
    const ofJobs = series.filter((line) => /^quorlock_(runs?_|tick|next_tick|last_success)/.test(line));
    expect(series.length - ofJobs.length).toBeLessThan(120);
    expect(ofJobs.length).toBeLessThan(90);
  });
});
