/**
 * Writes the dashboard and the alerts next to this directory, from the typed sources in it:
 * `node --import ./scripts/ts-loader.mjs grafana/src/generate.ts`. With `--check` it writes nothing, and fails where what
 * is there is not what it would write.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { ALERT_RULES } from './alert-rules.js';
import { quorlockDashboard } from './dashboard.js';
import { ruleFile } from './rule-file.js';

const NOTE = '# Generated from grafana/src by `npm run grafana`: change it there.\n';

const files: Readonly<Record<string, string>> = {
  'quorlock.json': JSON.stringify(quorlockDashboard()),
  'alerts.yml': NOTE + ruleFile(ALERT_RULES),
};

const check = process.argv.includes('--check');

for (const [name, content] of Object.entries(files)) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
  const formatted = await format(content, { ...(await resolveConfig(path)), filepath: path });
  if (!check) {
    await writeFile(path, formatted);
    continue;
  }
  if ((await readFile(path, 'utf8')) !== formatted) {
    console.error(`grafana/${name} is not what grafana/src generates: run \`npm run grafana\``);
    process.exitCode = 1;
  }
}
