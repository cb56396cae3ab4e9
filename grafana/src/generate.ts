/**
 * Generates the dashboards and the alerts into grafana/ from the typed sources in this folder: `node --import
 * ./scripts/ts-loader.mjs grafana/src/generate.ts`. With `--check` it writes nothing, and fails if the files
 * are not what it would write.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { ALERT_RULES } from './alert-rules.js';
import { jobsDashboard, locksDashboard } from './dashboard.js';
import { ruleFile } from './rule-file.js';

const HEADER = '# Generated from grafana/src by `npm run grafana`: change it there.';

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

const files: Readonly<Record<string, string>> = {
  'jobs.json': json(jobsDashboard()),
  'quorlock.json': json(locksDashboard()),
  'alerts.yml': `${HEADER}\n${ruleFile(ALERT_RULES)}`,
};

const check = process.argv.includes('--check');

for (const [name, content] of Object.entries(files)) {
  const url = new URL(`../${name}`, import.meta.url);
  if (!check) {
    await writeFile(url, content);
  } else if ((await readFile(url, 'utf8')) !== content) {
    console.error(`grafana/${name} is not what grafana/src generates: run \`npm run grafana\``);
    process.exitCode = 1;
  }
}
