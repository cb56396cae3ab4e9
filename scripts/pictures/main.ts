/**
 * `npm run pictures` draws the pictures in docs/pictures. The data of the dashboards is in
 * recording/recorded-jobs.json and recorded-locks.json; `--record jobs` and `--record locks` record it anew,
 * in six and in seven and a half minutes. `--check` writes nothing, and fails if a picture is out of date.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { DASHBOARDS, type DashboardName } from './dashboard/panels.js';
import { pictures } from './pictures.js';
import { writeRecording } from './recording/recording.js';

const folder = new URL('../../docs/pictures/', import.meta.url);

const { values } = parseArgs({
  options: { record: { type: 'string' }, check: { type: 'boolean', default: false } },
});

const { record: toRecord } = values;
if (toRecord !== undefined) {
  if (!isDashboard(toRecord)) throw new RangeError(`--record must be jobs or locks, got ${toRecord}`);
  // Loads what starts servers only here.
  const { record } = await import('./recording/record.js');
  writeRecording(toRecord, await record(toRecord, console.error));
}

function isDashboard(text: string): text is DashboardName {
  return Object.hasOwn(DASHBOARDS, text);
}

await mkdir(folder, { recursive: true });

for (const [name, svg] of await pictures()) {
  const file = new URL(name, folder);
  if (!values.check) {
    await writeFile(file, svg);
  } else if ((await readFile(file, 'utf8').catch(() => undefined)) !== svg) {
    console.error(`docs/pictures/${name} is not what scripts/pictures draws: run \`npm run pictures\``);
    process.exitCode = 1;
  }
}
