/**
 * Measures quorlock, other libraries and the least that could be done by hand, in one run:
 *
 *   npm run bench -- [--quick] [--only TEXT] [--rounds N] [--render]
 *
 * `--quick` takes about two minutes and keeps nothing. `--only` measures the scenarios whose names have this in them, and
 * keeps nothing. `--render` makes table and pictures anew from the results that are there.
 */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { findProgram } from '../../scripts/find-program.mjs';
import { startRedis } from '../../test/support/redis-servers.js';
import { FULL, planOf, QUICK } from './plan.js';
import { pictures, table } from './render.js';
import type { Results } from './results.js';
import { measure, type Measurement } from './run.js';

const RESULTS = new URL('../results/bench.json', import.meta.url);
const TABLE = new URL('../bench.md', import.meta.url);

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    render: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
  },
});

if (values.render) await keep(JSON.parse(await readFile(RESULTS, 'utf8')) as Results);
else await run();

async function run(): Promise<void> {
  const extent = values.quick ? QUICK : FULL;
  const rounds = Number(values.rounds ?? extent.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    console.error(`--rounds must be a positive integer, got ${values.rounds}`);
    process.exitCode = 2;
    return;
  }
  const cells = planOf(extent).filter(({ scenario }) => scenario.includes(values.only ?? ''));
  const results: Measurement[] = [];
  await using redis = await startRedis({ count: 5 });
  for (let round = 1; round <= rounds; round++) {
    for (const cell of cells) {
      // What takes minutes is measured once.
      if (round > 1 && cell.job.kind === 'held') continue;
      const result = await measure(cell, redis, round);
      results.push(result);
      console.log(line(result));
    }
  }
  const about: Results = {
    date: new Date().toISOString().slice(0, 10),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(
      ' ',
    ),
    node: process.version,
    redis:
      /v=(\S+)/.exec(
        execFileSync(findProgram('redis-server') ?? 'redis-server', ['--version'], { encoding: 'utf8' }),
      )?.[1] ?? '',
    cpus: availableParallelism(),
    results,
  };
  if (values.quick || values.only !== undefined) console.log(`\n${table(about)}`);
  else await keep(about);
}

async function keep(results: Results): Promise<void> {
  await writeFile(RESULTS, `${JSON.stringify(results, undefined, 1)}\n`);
  await writeFile(TABLE, table(results));
  for (const [name, svg] of Object.entries(pictures(results)))
    await writeFile(new URL(`../results/${name}.svg`, import.meta.url), svg);
}

function line({ scenario, subject, setting, round, figures, note }: Measurement): string {
  const shown = Object.entries(figures).map(([name, value]) => `${name}=${Number(value.toPrecision(4))}`);
  return `${round} ${scenario} | ${subject}, ${setting} | ${note ?? shown.join(' ')}`;
}
