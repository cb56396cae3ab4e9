import { SCENARIOS, TTL_MS } from './scenarios.js';
import type { Figures } from './stage.js';
import { SUBJECTS, type Subject } from './subjects.js';
import { wrapped } from '../wrap.js';

/** One run of a scenario with one library. */
export interface Play {
  readonly scenario: string;
  readonly library: string;
  readonly setting: 'defaults' | 'safest';
  readonly run: number;
  readonly figures: Figures;
}

/** The content of benchmarks/results/peers.json. */
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

/** A call that takes this long hangs. It is far above every node timeout and the retries of every library. */
const HANGS_MS = 2_000;

const isBad = (figure: keyof Figures, value: number): boolean =>
  figure === 'longestCallMs' ? value > HANGS_MS : value > 0;

const thousands = (value: number): string => value.toLocaleString('en-US');

/** The worst of the runs, and the number of runs with a figure above 0. */
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

/** Makes the whole page from the results. */
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
    const text = remark === undefined ? script : `${script} ${remark}`;
    const figures = table(['', ...tells.map((figure) => TITLES[figure])], rows);
    return `## ${index + 1}. ${title}\n\n${text}\n\n${figures}`;
  });
  const summary = table(
    ['', ...played.map((_, index) => `${index + 1}`)],
    subjects.map((subject) => [label(subject), ...played.map(({ id }) => verdict(id, subject))]),
  );
  return wrapped(`# The same faults with other libraries

Made by \`${madeWith}\` on ${at}.
Every figure is from [results/peers.json](results/peers.json); nothing on this page is written by hand.
Node ${node}, redis-server ${redis}, ${cpus} CPUs, all on one machine: real redis-server processes, real
worker processes, and a TCP proxy in between. Each scenario ran ${runs} times, in a mixed order. A cell
shows the worst run. Bold figures should be 0 or small.

- The TTL is ${thousands(TTL_MS)} ms for all libraries, unless a scenario says otherwise. Other options are as
  the setting says.
- *defaults*: the library and its ioredis clients like in the README of the library.
- *safest*: extensions begin after a third of the TTL if that can be set. Clients have a command timeout of
  250 ms, no offline queue and no resending. Losses are handled. The cron job has no retries, so a job that
  another worker has run does not run again.
- Each library is used with its way to lock jobs of unknown length: \`using\`, or a mutex that refreshes
  itself. quorlock appears once, because its defaults are its safest settings.
- What a holder believes is what the library tells it, by its signal or by \`isAcquired\`. The time
  for which a process was stopped does not count.
- A call on a free resource that takes longer than two seconds counts as hanging. A call that has not ended
  when its scenario ends counts up to there.
- Only quorlock gives fencing tokens. Without a token, the store cannot refuse a late write.
- The exact figures depend on chance and on the machine. What breaks, and by which order of
  magnitude, does not.

${subjects
  .map(({ name, version }) => `${name} ${version}`)
  .filter((text, index, all) => all.indexOf(text) === index)
  .join(' · ')}

## In short

*unsafe*: two holders at once, an accepted stale write, a loss that was reported after the keys had expired,
or a job that ran twice. *fails*: a call that was refused or hung without need, keys that were left behind,
a lease that was lost without need, or an error that a caller cannot catch.

${summary}

${played.map(({ title }, index) => `${index + 1}. ${title}`).join('\n')}

${sections.join('\n\n')}
`);
}
