import { SCENARIOS, TTL_MS } from './scenarios.js';
import type { Figures } from './stage.js';
import { SUBJECTS, type Subject } from './subjects.js';
import { wrapped } from '../wrap.js';

/** One scenario, played once on one library. */
export interface Play {
  readonly scenario: string;
  readonly library: string;
  readonly setting: 'defaults' | 'safest';
  readonly run: number;
  readonly figures: Figures;
}

/** What benchmarks/results/peers.json keeps. */
export interface Results {
  readonly madeWith: string;
  readonly at: string;
  readonly node: string;
  readonly redis: string;
  readonly cpus: number;
  readonly plays: readonly Play[];
}

const TITLES: Readonly<Record<keyof Figures, string>> = {
  overlapMs: 'two holders for (ms)',
  staleWrites: 'stale writes taken',
  abortLateMs: 'loss told late by (ms)',
  longestCallMs: 'longest call (ms)',
  falseFailures: 'refused though free',
  falseLosses: 'lost though a majority was well',
  leakedKeys: 'keys left behind',
  lostTicks: 'ticks run by nobody',
  duplicateTicks: 'ticks run twice',
  crashes: 'uncaught errors',
};

/** A call that takes so long is one that hangs: no node timeout, and no library's own retries on a free resource, are near it. */
const HANGS_MS = 2_000;

const isBad = (figure: keyof Figures, value: number): boolean =>
  figure === 'longestCallMs' ? value > HANGS_MS : value > 0;

const thousands = (value: number): string => value.toLocaleString('en-US');

/** The worst of the runs, and in how many of them there was something to see. */
function cell(figure: keyof Figures, plays: readonly Play[]): string {
  if (plays.length === 0) return 'not played';
  const values = plays.map(({ figures }) => figures[figure]);
  const worst = Math.max(...values);
  const bad = values.filter((value) => isBad(figure, value)).length;
  if (bad === 0) return thousands(worst);
  return `**${thousands(worst)}**${bad < values.length ? ` (${bad} of ${values.length} runs)` : ''}`;
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map((_, index) => (index === 0 ? '---' : '--:'))), ...rows.map(row)].join('\n');
}

const label = ({ name, setting }: Subject): string => (name === 'quorlock' ? name : `${name}, ${setting}`);

/** The whole page, from the results alone. */
export function render(results: Results): string {
  const { plays, madeWith, at, node, redis, cpus } = results;
  const played = SCENARIOS.filter(({ id }) => plays.some((play) => play.scenario === id));
  const subjects = SUBJECTS.filter((subject) => plays.some((play) => play.library === subject.name));
  const of = (id: string, { name, setting }: Subject): Play[] =>
    plays.filter((play) => play.scenario === id && play.library === name && play.setting === setting);
  const runs = Math.max(...plays.map(({ run }) => run)) + 1;
  const safety: readonly (keyof Figures)[] = ['overlapMs', 'staleWrites', 'abortLateMs', 'duplicateTicks'];
  const verdict = (id: string, subject: Subject): string => {
    const scenario = played.find((one) => one.id === id);
    const bad = (scenario?.tells ?? []).filter((figure) =>
      of(id, subject).some(({ figures }) => isBad(figure, figures[figure])),
    );
    if (bad.length === 0) return 'well';
    return bad.some((figure) => safety.includes(figure)) ? '**unsafe**' : 'fails';
  };
  const sections = played.map(({ id, title, script, remark, tells }, index) => {
    const rows = subjects.map((subject) => [
      label(subject),
      ...tells.map((figure) => cell(figure, of(id, subject))),
    ]);
    return `## ${index + 1}. ${title}\n\n${script}${remark === undefined ? '' : ` ${remark}`}\n\n${table(['', ...tells.map((figure) => TITLES[figure])], rows)}`;
  });
  const summary = table(
    ['', ...played.map((_, index) => `${index + 1}`)],
    subjects.map((subject) => [label(subject), ...played.map(({ id }) => verdict(id, subject))]),
  );
  return wrapped(`# The same faults, done to other libraries

Made by \`${madeWith}\` on ${at}; every figure is from [results/peers.json](results/peers.json), and nothing here is written by
hand. Node ${node}, redis-server ${redis}, ${cpus} CPUs, all on one machine: real redis-server processes, real worker processes, a TCP
proxy in between. ${runs} runs of each, in a mixed order; a cell shows the worst of them. Bold is what should not be.

- The TTL is ${thousands(TTL_MS)} ms for all, where a scenario does not say otherwise. Everything else is as the setting says.
- *defaults*: the library and its ioredis clients as the library's README makes them.
- *safest*: extensions begin after a third of the TTL where that can be set; clients with a command timeout of 250 ms, no offline queue and no
  resending; losses handled; for the cron job, no retries, so that a job that another worker has run is not run again.
- Each library is used by what it has for jobs of unknown length: \`using\`, or a mutex that refreshes itself. quorlock's defaults are its
  safest settings, so it stands once.
- What a holder believes is what the library tells it: its signal, or \`isAcquired\`. The time for which a process was stopped does not count.
- A call that takes longer than two seconds on a free resource counts as one that hangs; one that has not ended when its scenario does is
  counted up to there.
- Only quorlock gives fencing tokens; without one the store has nothing to refuse a late write by.
- What a run measures depends on chance and on the machine; what breaks, and by which order of magnitude, does not.

${subjects
  .map(({ name, version }) => `${name} ${version}`)
  .filter((text, index, all) => all.indexOf(text) === index)
  .join(' · ')}

## In short

*unsafe*: two holders at once, a stale write taken, a loss told after the keys had expired, a job run twice. *fails*: refused or hung though
it need not, left keys behind, lost a lease it could have kept, raised an error that nobody can catch.

${summary}

${played.map(({ title }, index) => `${index + 1}. ${title}`).join('\n')}

${sections.join('\n\n')}
`);
}
