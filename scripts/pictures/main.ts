/**
 * `npm run pictures` draws the pictures in docs/pictures. The dashboard's data is in recording/recorded.json;
 * `--record` records it anew, in seven and a half minutes. `--check` writes nothing, and fails if a picture
 * is out of date.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { pictures } from './pictures.js';
import { writeRecording } from './recording/recording.js';

const folder = new URL('../../docs/pictures/', import.meta.url);

const { values } = parseArgs({
  options: { record: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
});

if (values.record) {
  // Loads what starts servers only here.
  const { record } = await import('./recording/record.js');
  writeRecording(await record(console.error));
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
