import { between, logBetween, pick, randomOf } from './random.js';
import type { Link } from '../../support/fault-proxy.js';

/** One fault, from `atMs` for `forMs`. Nodes and workers are numbered from 0. */
export type Fault = { readonly atMs: number; readonly forMs: number } & (
  | { readonly kind: 'node-stop'; readonly nodes: readonly number[] }
  | { readonly kind: 'node-kill'; readonly nodes: readonly [number]; readonly data: DataAtStart }
  /** All of them are killed, and come back with their data. */
  | { readonly kind: 'nodes-kill'; readonly nodes: readonly number[] }
  | { readonly kind: 'clock-step'; readonly nodes: readonly [number]; readonly byMs: number }
  | {
      readonly kind: 'link';
      /** The links between each of these nodes and each of these workers. */
      readonly nodes: readonly number[];
      readonly workers: readonly number[];
      readonly link: Partial<Link>;
    }
  | { readonly kind: 'reset'; readonly nodes: readonly number[]; readonly workers: readonly number[] }
  | { readonly kind: 'worker-stop' | 'worker-block' | 'worker-kill'; readonly workers: readonly [number] }
  /** A rolling deploy: one worker after the other is replaced by one with this list of nodes. */
  | { readonly kind: 'list'; readonly workers: readonly number[]; readonly list: readonly number[] }
);

/** `old`: those of a backup. */
export type DataAtStart = 'kept' | 'lost' | 'old';

export interface ScheduleTerms {
  readonly seed: number;
  readonly seconds: number;
  readonly nodes: number;
  readonly workers: number;
  /** The longest TTL. A node that lost its data counts as one without memory for this long. */
  readonly maxTtlMs: number;
  /** Whether nodes may lose their data: at most a minority within each `maxTtlMs`. */
  readonly dataLoss: boolean;
  readonly clockSteps: boolean;
  /**
   * Whether the list of nodes changes. It then has all nodes or all but one, and at first all but the last.
   */
  readonly listChanges?: boolean;
  /** The nodes that are databases. Their clocks are not stepped. */
  readonly databases?: readonly number[];
  /** The nodes that never lose their data. */
  readonly keepData?: readonly number[];
  /** Nothing happens to these. */
  readonly spared?: readonly number[];
  /** These are killed together, now and then. */
  readonly killedTogether?: readonly number[];
}

/** The pause after a fault before the same place gets the next one. */
const REST_MS = 300;
/** Added to `maxTtlMs`: a node has recovered when all its clients have connected again. */
const MEMORY_MS = 3_000;

/** Each cycle ends with a calm period without new faults, so that the run shows that everything recovers. */
const CYCLE_MS = 30_000;
const CALM_MS = 12_000;
/** On record for a node that forgot while it was in no worker's list: it finds out when it is asked again. */
export const FORGOT_UNSEEN = 'forgot unseen';
/** After one of these a node has forgotten, and has no vote about the ticks of the next minute. */
export const FORGETTING: ReadonlySet<string> = new Set([
  'node-kill',
  'nodes-kill',
  'clock-step',
  FORGOT_UNSEEN,
]);
/**
 * For as long as this nodes forget, and then for as long they do not. A tick must be run only a minute after
 * most nodes have last forgotten something, so without this no tick would be due in a whole run.
 */
const FORGETTING_MS = 3 * CYCLE_MS;
const mayForget = (atMs: number): boolean => Math.floor(atMs / FORGETTING_MS) % 2 === 0;

/** The list changes at the beginning of a calm period, within so long. */
const DEPLOY_MS = 3_000;

const LINK_STATES: readonly ((random: () => number) => Partial<Link>)[] = [
  (random) => ({ latencyMs: between(random, 1, 60), jitterMs: between(random, 0, 60) }),
  (random) => ({ latencyMs: between(random, 100, 400), jitterMs: between(random, 0, 200) }),
  () => ({ hold: 'both' }),
  () => ({ hold: 'requests' }),
  () => ({ hold: 'replies' }),
  () => ({ refuse: true }),
  () => ({ loseReplies: true }),
];

/**
 * Faults in the order of their beginning, the same for the same seed. Quorlock promises to survive all of
 * them safely: any number of nodes may be stopped or unreachable, which costs availability, but only a
 * minority loses its data, or has its clock stepped, within one longest TTL.
 */
export function randomSchedule(terms: ScheduleTerms): Fault[] {
  const { seed, seconds, nodes, workers, maxTtlMs, dataLoss, clockSteps } = terms;
  const { databases = [], keepData = [], killedTogether = [], spared = [] } = terms;
  const random = randomOf(seed);
  const busy = new Map<string, number>();
  const withoutMemoryUntil = new Map<number, number>();
  const faults: Fault[] = [];
  const allWorkers = Array.from({ length: workers }, (_, index) => index);
  const node = (): number => Math.floor(random() * nodes);
  const worker = (): number => Math.floor(random() * workers);

  const reserve = (places: readonly string[], from: number, to: number): boolean => {
    if (places.some((place) => (busy.get(place) ?? 0) > from)) return false;
    for (const place of places) busy.set(place, to + REST_MS);
    return true;
  };
  const linksOf = (of: readonly number[], by: readonly number[]): string[] =>
    of.flatMap((one) => by.map((other) => `link ${one} ${other}`));
  /**
   * Whether this node may lose its memory now: together with the others that lost theirs within the longest
   * TTL it must be in a minority.
   */
  const mayLoseMemory = (one: number, from: number): boolean => {
    const others = [...withoutMemoryUntil].filter(([other, until]) => other !== one && until > from);
    return others.length + 1 <= (nodes - 1) / 2;
  };
  const recordMemoryLoss = (one: number, until: number): void => {
    withoutMemoryUntil.set(one, until + maxTtlMs + MEMORY_MS);
  };

  const kinds: readonly (readonly [number, (atMs: number) => Fault | undefined])[] = [
    [
      3,
      (atMs) => {
        const forMs = logBetween(random, 100, 6_000);
        const one = node();
        if (!reserve([`server ${one}`], atMs, atMs + forMs)) return undefined;
        return { kind: 'node-stop', atMs, forMs, nodes: [one] };
      },
    ],
    [
      1,
      (atMs) => {
        const first = node();
        const many = Math.floor(nodes / 2) + 1 + (random() < 0.3 ? 1 : 0);
        const those = Array.from({ length: Math.min(many, nodes) }, (_, index) => (first + index) % nodes);
        const forMs = logBetween(random, 200, 4_000);
        const places = those.map((one) => `server ${one}`);
        if (!reserve(places, atMs, atMs + forMs)) return undefined;
        return { kind: 'node-stop', atMs, forMs, nodes: those };
      },
    ],
    [
      2,
      (atMs) => {
        const one = node();
        const forMs = logBetween(random, 20, 4_000);
        const drawn = !dataLoss || random() < 0.4 ? 'kept' : random() < 0.4 ? 'old' : 'lost';
        const keepsData = keepData.includes(one);
        const data = keepsData ? 'kept' : drawn;
        // With its data the node may be one of a majority that restarts. That costs availability for one
        // longest TTL, so it is rare.
        if ((data !== 'kept' || random() < 0.8) && !keepsData && !mayLoseMemory(one, atMs)) return undefined;
        if (!reserve([`server ${one}`], atMs, atMs + forMs + 1_000)) return undefined;
        if (!keepsData) recordMemoryLoss(one, atMs + forMs);
        return { kind: 'node-kill', atMs, forMs, nodes: [one], data };
      },
    ],
    [
      killedTogether.length > 0 ? 3 : 0,
      (atMs) => {
        const forMs = logBetween(random, 20, 4_000);
        const places = killedTogether.map((one) => `server ${one}`);
        if (!reserve(places, atMs, atMs + forMs + 1_000)) return undefined;
        return { kind: 'nodes-kill', atMs, forMs, nodes: killedTogether };
      },
    ],
    [
      clockSteps ? 1 : 0,
      (atMs) => {
        const one = node();
        const byMs = Math.round(logBetween(random, 50, 30_000)) * (random() < 0.5 ? 1 : -1);
        const forMs = logBetween(random, 200, 8_000);
        if (databases.includes(one)) return undefined;
        if (!mayLoseMemory(one, atMs) || !reserve([`server ${one}`], atMs, atMs + forMs)) return undefined;
        recordMemoryLoss(one, atMs + forMs);
        return { kind: 'clock-step', atMs, forMs, nodes: [one], byMs };
      },
    ],
    [
      5,
      (atMs) => {
        const shape = random();
        const of = shape < 0.3 ? Array.from({ length: nodes }, (_, index) => index) : [node()];
        const by = shape < 0.6 ? [worker()] : allWorkers;
        const forMs = logBetween(random, 50, 5_000);
        if (!reserve(linksOf(of, by), atMs, atMs + forMs)) return undefined;
        return { kind: 'link', atMs, forMs, nodes: of, workers: by, link: pick(random, LINK_STATES)(random) };
      },
    ],
    [
      1,
      (atMs) => {
        const of = [node()];
        if (!reserve(linksOf(of, allWorkers), atMs, atMs)) return undefined;
        return { kind: 'reset', atMs, forMs: 0, nodes: of, workers: allWorkers };
      },
    ],
    [
      3,
      (atMs) => {
        const one = worker();
        const kind = pick(random, ['worker-stop', 'worker-stop', 'worker-block', 'worker-kill'] as const);
        const forMs = kind === 'worker-kill' ? 0 : logBetween(random, 100, 5_000);
        if (!reserve([`worker ${one}`], atMs, atMs + forMs + 500)) return undefined;
        return { kind, atMs, forMs, workers: [one] };
      },
    ],
  ];

  const total = kinds.reduce((sum, [weight]) => sum + weight, 0);
  for (let atMs = 1_500; atMs < seconds * 1_000; atMs += logBetween(random, 60, 2_500)) {
    if (atMs % CYCLE_MS > CYCLE_MS - CALM_MS) continue;
    let drawn = random() * total;
    const [, make] = kinds.find(([weight]) => (drawn -= weight) < 0) ?? kinds[0]!;
    const fault = make(Math.round(atMs));
    if (fault && FORGETTING.has(fault.kind) && !mayForget(atMs)) continue;
    if (fault && 'nodes' in fault && fault.nodes.some((one) => spared.includes(one))) continue;
    if (fault) faults.push({ ...fault, forMs: Math.round(fault.forMs) });
  }
  if (terms.listChanges === true) faults.push(...changesOfTheList(terms));
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** The list that the workers begin with. */
export const firstList = ({ nodes, listChanges }: Pick<ScheduleTerms, 'nodes' | 'listChanges'>): number[] =>
  Array.from({ length: listChanges === true ? nodes - 1 : nodes }, (_, index) => index);

/** In each cycle a node is added or taken away, so that in the end each has been away and came back. */
function changesOfTheList({ seconds, nodes, workers }: ScheduleTerms): Fault[] {
  const changes: Fault[] = [];
  const all = Array.from({ length: nodes }, (_, index) => index);
  for (let cycle = 0; (cycle + 1) * CYCLE_MS <= seconds * 1_000; cycle++) {
    const away = ((cycle - 1) / 2) % nodes;
    const list = cycle % 2 === 0 ? all : all.filter((node) => node !== away);
    const atMs = (cycle + 1) * CYCLE_MS - CALM_MS + 1;
    const those = Array.from({ length: workers }, (_, index) => index);
    changes.push({ kind: 'list', atMs, forMs: DEPLOY_MS, workers: those, list });
  }
  return changes;
}

const DATA: Readonly<Record<DataAtStart, string>> = {
  kept: 'with its data',
  lost: 'WITHOUT its data',
  old: 'with an OLD BACKUP',
};

/** One line that describes the fault. */
export function describeFault(fault: Fault): string {
  const list = (numbers: readonly number[], letter: string): string =>
    numbers.map((number) => `${letter}${number + 1}`).join(' ');
  const nodes = 'nodes' in fault ? list(fault.nodes, 'node ') : '';
  const workers = 'workers' in fault ? list(fault.workers, 'w') : '';
  const duration = fault.forMs > 0 ? ` for ${fault.forMs} ms` : '';
  switch (fault.kind) {
    case 'node-stop':
      return `SIGSTOP ${nodes}${duration}`;
    case 'node-kill':
      return `SIGKILL ${nodes}, back after ${fault.forMs} ms ${DATA[fault.data]}`;
    case 'nodes-kill':
      return `SIGKILL ${nodes} together, back after ${fault.forMs} ms ${DATA.kept}`;
    case 'clock-step':
      return `the clock of ${nodes} steps by ${fault.byMs} ms, and back after ${fault.forMs} ms`;
    case 'link':
      return `${workers} - ${nodes}: ${JSON.stringify(fault.link)}${duration}`;
    case 'reset':
      return `${workers} - ${nodes}: connections reset`;
    case 'worker-stop':
      return `SIGSTOP ${workers}${duration}`;
    case 'worker-block':
      return `${workers} blocks its event loop${duration}`;
    case 'worker-kill':
      return `SIGKILL ${workers}, a new one takes its place`;
    case 'list':
      return `${workers} are replaced, and get the list ${list(fault.list, 'node ')}`;
  }
}
