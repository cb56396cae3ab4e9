/**
 * Compares the public types with the reports in scripts/api, one for each entry point in the `exports` of
 * package.json. So every change of the public types shows in a review, as a change of a report.
 *
 *   node scripts/api-report.mjs            compares, and prints what differs
 *   node scripts/api-report.mjs --update   writes the reports; `npm run api` builds first
 *
 * It reads the built declarations of dist/esm. Those of dist/cjs come from the same sources and have the same
 * text.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { differences, entryPoints, shorten } from './api-report-text.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const folder = join(root, 'scripts/api');
const scratch = mkdtempSync(join(tmpdir(), 'quorlock-api-'));

try {
  const reports = makeReports();
  if (process.argv.includes('--update')) update(reports);
  else compare(reports);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** The reports by file name. */
function makeReports() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const raw = entryPoints(manifest).map(({ name, types }) => ({ name, text: extract(name, types) }));
  const own = raw.find(({ name }) => name === manifest.name)?.text;
  return new Map(
    raw.map(({ name, text }) => [`${name}.api.md`, shorten(text, name === manifest.name ? undefined : own)]),
  );
}

/**
 * @param {string} name
 * @param {string} types the declarations of the entry point, from the root of the package
 */
function extract(name, types) {
  const entry = join(root, types);
  const silent = { default: { logLevel: ExtractorLogLevel.None } };
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: entry,
      newlineKind: 'lf',
      // The TypeScript that API Extractor brings along takes the options of ours.
      compiler: { overrideTsconfig: { extends: join(root, 'tsconfig.json'), include: [entry] } },
      apiReport: {
        enabled: true,
        reportFolder: scratch,
        reportTempFolder: scratch,
        reportFileName: name,
        // The type of a public parameter or field is public too, even if it is not exported.
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: { extractorMessageReporting: silent, tsdocMessageReporting: silent },
    },
  });
  const { succeeded } = Extractor.invoke(config, { localBuild: true, messageCallback });
  if (!succeeded) throw new Error(`API Extractor cannot read ${types}: npm run build`);
  return readFileSync(join(scratch, `${name}.api.md`), 'utf8');
}

/** @param {import('@microsoft/api-extractor').ExtractorMessage} message */
function messageCallback(message) {
  if (message.logLevel !== ExtractorLogLevel.Error) message.logLevel = ExtractorLogLevel.None;
}

/** @param {ReadonlyMap<string, string>} reports */
function update(reports) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [file, text] of reports) writeFileSync(join(folder, file), text);
  console.log(`Written to scripts/api: ${[...reports.keys()].join(', ')}`);
}

/** @param {ReadonlyMap<string, string>} reports */
function compare(reports) {
  const committed = existsSync(folder) ? readdirSync(folder) : [];
  let isAsCommitted = true;
  for (const file of new Set([...reports.keys(), ...committed])) {
    const path = join(folder, file);
    const before = committed.includes(file) ? readFileSync(path, 'utf8') : '';
    const lines = differences(before, reports.get(file) ?? '');
    if (lines.length === 0) continue;
    isAsCommitted = false;
    console.log(`scripts/api/${file}\n${lines.join('\n')}\n`);
  }
  if (isAsCommitted) return;
  console.log(
    'The public types have changed. If that is meant, run `npm run api` and add a line to CHANGELOG.md.',
  );
  process.exitCode = 1;
}
