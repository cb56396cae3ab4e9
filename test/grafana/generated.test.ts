import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { dashboardFiles, type PanelInFile } from './dashboard-file.js';

describe('the committed dashboards and alerts', () => {
  it('the committed dashboards and alerts are what the sources generate, with plain Node', () => {
    const run = spawnSync(
      process.execPath,
      ['--import', './scripts/ts-loader.mjs', 'grafana/src/generate.ts', '--check'],
      { cwd: fileURLToPath(new URL('../../', import.meta.url)), encoding: 'utf8' },
    );
    expect(run.stdout + run.stderr).toBe('');
    expect(run.status).toBe(0);
  });
});

describe.each(dashboardFiles)('the dashboard $uid', (dashboard) => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');

  it('every panel has its own id, a title, a description, a unit and the chosen data source', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, title, description, fieldConfig, datasource } of panels) {
      expect(id).toBeGreaterThan(0);
      expect(title).toMatch(/\w/);
      expect(description).toMatch(/^\w.{20,}\.$/);
      expect(fieldConfig?.defaults.unit).toMatch(/^(short|cpm|s)$/);
      expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
    }
  });

  it('every query has a refId that is unique in its panel, a legend and the chosen data source', () => {
    for (const { targets = [] } of panels) {
      expect(targets.length).toBeGreaterThan(0);
      expect(targets.map(({ refId }) => refId)).toEqual([...'ABCDEF'].slice(0, targets.length));
      for (const { legendFormat, datasource } of targets) {
        expect(legendFormat).toMatch(/\w/);
        expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
      }
    }
  });

  it('the panels are within the grid and do not overlap', () => {
    const cells = ({ gridPos: { x, y, w, h } }: PanelInFile) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`);
    const taken = dashboard.panels.flatMap(cells);
    expect(new Set(taken).size).toBe(taken.length);
    for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });

  it('every query obeys the chosen data source, job, process and lock', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    expect(names).toEqual(['datasource', 'job', 'instance', 'lock', 'window']);
    for (const { expr } of panels.flatMap(({ targets = [] }) => targets)) {
      const selectors = expr.match(/quorlock_\w+\{[^}]*\}/g) ?? [];
      expect(selectors.length).toBe((expr.match(/quorlock_/g) ?? []).length);
      for (const selector of selectors) {
        expect(selector).toContain('job=~"$job",instance=~"$instance"');
        if (!/node_state|votes|fallback|event_loop/.test(selector))
          expect(selector).toContain('lock=~"$lock"');
      }
    }
  });
});
