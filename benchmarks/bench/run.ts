/** Plays scenarios: every subject in every round. The order is shifted from round to round. */
import type { Address } from './adapter.js';
import { givenNodes, ownNodes } from './nodes.js';
import type { Row } from './results.js';
import type { Scenario } from './scenario.js';
import { Stage, type Builds } from './stage.js';
import { withBefore, type Subject } from './subjects.js';
import type { Figures } from './tasks.js';

/** The most nodes that any scenario needs. */
const NODES = 5;

const openStage = async ({ builds, nodes }: RunOptions): Promise<Stage> =>
  new Stage(nodes === undefined ? await ownNodes(NODES) : givenNodes(nodes), builds);

export interface RunOptions {
  readonly isQuick: boolean;
  /** The number of rounds, instead of each scenario's own. */
  readonly rounds?: number;
  readonly isWanted: (subject: Subject) => boolean;
  readonly builds: Builds;
  /** The user's own servers; without them the benchmark starts some. */
  readonly nodes?: readonly Address[];
  readonly say: (line: string) => void;
}

export async function runAll(scenarios: readonly Scenario[], options: RunOptions): Promise<Row[]> {
  const { isQuick, rounds, isWanted, builds, nodes, say } = options;
  const stage = await openStage(options);
  const rows: Row[] = [];
  try {
    for (const scenario of scenarios) {
      if (nodes !== undefined && scenario.needsOwnServers === true) {
        say(`${scenario.name}: left out, because it needs servers of its own`);
        continue;
      }
      const began = performance.now();
      const all = scenario.subjects(isQuick);
      const subjects = (builds.other === undefined ? all : withBefore(all)).filter(isWanted);
      const own = rounds ?? (isQuick ? scenario.rounds.quick : scenario.rounds.full);
      const played: Row[] = [];
      for (let round = 0; round < own; round++) {
        if (scenario.isTogether === true && nodes === undefined) {
          const plays = subjects.map((subject) => playAlone(scenario, subject, round, options));
          played.push(...(await Promise.all(plays)).flat());
        } else {
          for (const subject of rotated(subjects, round)) {
            played.push(...(await playOne(stage, scenario, subject, round, isQuick)));
          }
        }
      }
      const place = ({ subject }: Row): number => subjects.findIndex(({ name }) => name === subject);
      rows.push(...played.sort((a, b) => place(a) - place(b)));
      say(`${scenario.name}: ${Math.round((performance.now() - began) / 1_000)} s`);
    }
  } finally {
    await stage.close();
  }
  return rows;
}

/** Plays one subject on its own nodes. */
async function playAlone(
  scenario: Scenario,
  subject: Subject,
  round: number,
  options: RunOptions,
): Promise<Row[]> {
  const stage = await openStage(options);
  try {
    return await playOne(stage, scenario, subject, round, options.isQuick);
  } finally {
    await stage.close();
  }
}

function rotated<T>(list: readonly T[], by: number): T[] {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

async function playOne(
  stage: Stage,
  scenario: Scenario,
  subject: Subject,
  round: number,
  isQuick: boolean,
): Promise<Row[]> {
  const rows: Row[] = [];
  const of = { scenario: scenario.name, subject: subject.name, kind: subject.kind, round };
  const record = async (cell: string, measure: () => Promise<Figures>): Promise<void> => {
    try {
      rows.push({ ...of, cell, figures: await measure() });
    } catch (error) {
      rows.push({ ...of, cell, figures: {}, note: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  };
  await stage.reset();
  // A failure becomes a note in the table, and the other subjects are still measured.
  await scenario.play({ stage, subject, isQuick, record }).catch((error: unknown) => {
    if (rows.at(-1)?.note === undefined) {
      rows.push({ ...of, cell: 'all', figures: {}, note: String(error) });
    }
  });
  await stage.reset();
  return rows;
}
