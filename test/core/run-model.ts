import { attemptAfter } from '../../src/core/run-votes.js';
import { finishAnswer, isTakenBack, refusesRun, type RunMark, type RunRecord } from '../../src/core/run.js';
import { Rng } from '../simulation/rng.js';

/**
 * Ways to break the rules of the ledger, each with a seed in whose world it leads to a wrong run, or to a run
 * that is told as lost although it need not be. Some need a dozen things to come together.
 *
 * Of an untrusted node's answer to the end of a run, only the refusal does harm. Whoever acknowledges an end
 * keeps it, or has a memory that is too young for the tick, and so never grants the tick again.
 */
export const RUN_FLAWS = {
  'take-back without ownership': 506_151,
  'take-back by a retry': 3_470,
  'success at one acknowledgement': 35_800,
  'retry over the key': 42,
  'attempt not written': 607,
  'release that ignores ownership': 152,
  'amnesiac counted at once': 720,
  'ticks granted that may be forgotten': 2_199,
  'finish over a later attempt': 6_288,
  'confirm of a finished tick': 2_764,
  'untrusted answer to the end counted': 5_529,
  'confirm sent to nodes whose grant did not count': 32_177,
} as const;

export type RunFlaw = keyof typeof RUN_FLAWS;

const NODES = [0, 1, 2] as const;
const MAJORITY = 2;
const STEPS = 250;
const MOST_CLAIMANTS = 8;
const MOST_LOSSES = 3;

/** A node with one resource. */
class Node {
  owner: number | undefined;
  run: RunRecord | undefined;
  hasCounter = true;
  /** Its memory is too young for this tick and for earlier ones. */
  forgot = 0;
  isTrusted = true;
  /** Those that confirmed here a lower attempt than the one on record. */
  readonly late = new Set<Claimant>();
}

interface Claimant {
  readonly id: number;
  readonly tick: number;
  readonly retry: boolean;
  /** Its keys stay as long as this is so, and it starts only then. */
  isValid: boolean;
  phase: 'claiming' | 'confirming' | 'running' | 'finishing' | 'done' | 'dead';
  /** The known attempts of the grants that counted, by node. */
  readonly grants: Map<number, number>;
  readonly confirmed: Set<number>;
  readonly acknowledged: Set<number>;
  /** The nodes that will never have the end on record, as they say, and whether they were trusted then. */
  readonly refused: Map<number, boolean>;
  mark: RunMark | undefined;
  isReported: boolean;
}

type Message = { readonly to: number; readonly from: Claimant } & (
  | { readonly op: 'claim' | 'release' }
  | { readonly op: 'confirm' | 'finish' | 'open'; readonly mark: RunMark }
);

type Reply = { readonly node: number; readonly isTrusted: boolean; readonly to: Claimant } & (
  | { readonly op: 'claim'; readonly attempt: number }
  | { readonly op: 'confirm'; readonly mark: RunMark }
  | { readonly op: 'finish'; readonly isRecorded: boolean }
);

/**
 * A random history of claimants, nodes and messages, which come late, twice or never. What each node and each
 * claimant decides is the library's own (`core/run.ts`, `core/run-votes.ts`).
 */
class World {
  readonly #rng: Rng;
  readonly #nodes = NODES.map(() => new Node());
  readonly #claimants: Claimant[] = [];
  readonly #starts: Claimant[] = [];
  #messages: Message[] = [];
  #replies: Reply[] = [];
  /** How many of the claimants retry, how many messages come twice, and how many are lost. */
  readonly #retries: number;
  readonly #twice: number;
  readonly #lost: number;
  #losses = 0;
  #wrong: string | undefined;

  constructor(
    seed: number,
    private readonly flaw: RunFlaw | undefined,
  ) {
    this.#rng = new Rng(seed);
    this.#retries = this.#rng.pick([0, 0.5, 0.8]);
    this.#twice = this.#rng.pick([0, 0.1, 0.4]);
    this.#lost = this.#rng.pick([0, 0.1]);
  }

  run(): { readonly wrong: string | undefined; readonly starts: number } {
    for (let step = 0; step < STEPS && this.#wrong === undefined; step++) this.#step();
    return { wrong: this.#wrong, starts: this.#starts.length };
  }

  #step(): void {
    const rng = this.#rng;
    const kind = rng.next();
    if (kind < 0.42) this.#deliver();
    else if (kind < 0.68) this.#answer();
    else if (kind < 0.74) this.#claim();
    else if (kind < 0.82) this.#expire();
    else if (kind < 0.84) this.#loseMemory();
    else if (kind < 0.87) this.#trustAgain();
    else if (this.#claimants.length > 0) this.#goOn(rng.pick(this.#claimants));
  }

  #claim(): void {
    const isBusy = this.#claimants.some(({ phase }) => phase === 'claiming' || phase === 'confirming');
    if (this.#claimants.length >= MOST_CLAIMANTS || (isBusy && this.#rng.chance(0.9))) return;
    const from: Claimant = {
      id: this.#claimants.length,
      tick: this.#rng.chance(0.9) ? 1 : 2,
      retry: this.#rng.chance(this.#retries),
      isValid: true,
      phase: 'claiming',
      grants: new Map(),
      confirmed: new Set(),
      acknowledged: new Set(),
      refused: new Map(),
      mark: undefined,
      isReported: false,
    };
    this.#claimants.push(from);
    for (const to of NODES) this.#messages.push({ op: 'claim', to, from });
  }

  /** A message arrives, in any order, and may arrive again. */
  #deliver(): void {
    if (this.#messages.length === 0) return;
    const message = this.#rng.pick(this.#messages);
    // What is sent over one connection stays in order; a copy of it may come later.
    const isFirst = this.#messages.find(({ to, from }) => to === message.to && from === message.from);
    const next = isFirst ?? message;
    if (!this.#rng.chance(this.#twice)) this.#messages = this.#messages.filter((one) => one !== next);
    else this.#messages = [...this.#messages.filter((one) => one !== next), next];
    if (this.#rng.chance(this.#lost)) return;
    const node = this.#nodes[next.to]!;
    switch (next.op) {
      case 'claim':
        return this.#onClaim(node, next.to, next.from);
      case 'confirm':
        return this.#onConfirm(node, next.to, next.from, next.mark);
      case 'finish':
        this.#onFinish(node, next.to, next.from, next.mark);
        return this.#release(node, next.from);
      case 'open':
        if (node.owner === next.from.id || this.flaw === 'take-back without ownership')
          if (isTakenBack(node.run, next.mark)) node.run = { ...next.mark, state: 'open' };
        return this.#release(node, next.from);
      case 'release':
        return this.#release(node, next.from);
    }
  }

  #release(node: Node, from: Claimant): void {
    if (node.owner === from.id || this.flaw === 'release that ignores ownership') node.owner = undefined;
  }

  #onClaim(node: Node, at: number, from: Claimant): void {
    const isFree = node.owner === undefined || node.owner === from.id;
    if (!isFree && !(from.retry && this.flaw === 'retry over the key')) return;
    if (refusesRun(node.run, from.tick, from.retry)) return;
    if (node.forgot >= from.tick && this.flaw !== 'ticks granted that may be forgotten') return;
    node.owner = from.id;
    node.hasCounter = true;
    const attempt = node.run?.tick === from.tick ? node.run.attempt : 0;
    this.#replies.push({ op: 'claim', node: at, isTrusted: node.isTrusted, to: from, attempt });
  }

  #onConfirm(node: Node, at: number, from: Claimant, mark: RunMark): void {
    if (node.owner !== from.id) return;
    if (refusesRun(node.run, mark.tick, true) && this.flaw !== 'confirm of a finished tick') return;
    if (node.forgot >= mark.tick && this.flaw !== 'ticks granted that may be forgotten') return;
    const known = node.run?.tick === mark.tick ? node.run.attempt : 0;
    if (known > mark.attempt) node.late.add(from);
    const attempt = this.flaw === 'attempt not written' ? known : Math.max(known, mark.attempt);
    node.run = { tick: mark.tick, attempt, state: 'started' };
    this.#replies.push({ op: 'confirm', node: at, isTrusted: node.isTrusted, to: from, mark });
  }

  #onFinish(node: Node, at: number, from: Claimant, mark: RunMark): void {
    const isOver = this.flaw === 'finish over a later attempt' && node.run?.tick === mark.tick;
    const answer = isOver ? 'write' : finishAnswer(node.run, mark);
    const { isTrusted, hasCounter } = node;
    if (answer === 'write' && hasCounter) node.run = { ...mark, state: 'finished' };
    // Without a counter nothing is written. It need not be where the node never grants the tick again.
    const isRecorded = hasCounter ? answer !== 'refuse' : isTrusted && node.forgot >= mark.tick;
    this.#replies.push({ op: 'finish', node: at, isTrusted, to: from, isRecorded });
    if (!isRecorded && node.late.has(from) && from.confirmed.has(at))
      this.#wrong = 'the end of a run is refused by a node that confirmed its start';
  }

  #answer(): void {
    if (this.#replies.length === 0) return;
    const reply = this.#rng.pick(this.#replies);
    this.#replies = this.#replies.filter((one) => one !== reply);
    const { to, node, isTrusted } = reply;
    if (to.phase === 'dead') return;
    switch (reply.op) {
      case 'claim':
        return this.#granted(to, node, reply.attempt, isTrusted || this.flaw === 'amnesiac counted at once');
      case 'confirm':
        if (isTrusted || this.flaw === 'amnesiac counted at once') to.confirmed.add(node);
        return;
      case 'finish':
        if (isTrusted || this.flaw === 'untrusted answer to the end counted')
          this.#finished(to, node, reply.isRecorded, isTrusted);
    }
  }

  #finished(to: Claimant, node: number, isRecorded: boolean, isTrusted: boolean): void {
    if (to.phase === 'done') return;
    if (isRecorded) to.acknowledged.add(node);
    else to.refused.set(node, isTrusted);
    const enough = this.flaw === 'success at one acknowledgement' ? 1 : MAJORITY;
    if (to.acknowledged.size >= enough) to.isReported = true;
    if (to.isReported || to.refused.size <= NODES.length - MAJORITY) return;
    // Told as lost, for good.
    to.phase = 'done';
    const mark = to.mark!;
    const wouldRecord = this.#nodes.filter(({ hasCounter, forgot, run }) =>
      hasCounter ? finishAnswer(run, mark) !== 'refuse' : forgot >= mark.tick,
    );
    if (wouldRecord.length >= MAJORITY && [...to.refused.values()].includes(false))
      this.#wrong = 'a run is told as lost whose end can be recorded';
  }

  #granted(to: Claimant, node: number, attempt: number, counts: boolean): void {
    const isConfirmedAnyway = this.flaw === 'confirm sent to nodes whose grant did not count';
    if (!counts && !(isConfirmedAnyway && to.phase === 'confirming')) return;
    if (to.phase === 'claiming') {
      to.grants.set(node, attempt);
      if (to.grants.size < MAJORITY) return;
      const known = [...to.grants.values()].map(
        (one) => ({ kind: 'granted', counter: 0, attempt: one }) as const,
      );
      to.mark = { tick: to.tick, attempt: attemptAfter(known) };
      to.phase = 'confirming';
      for (const at of to.grants.keys())
        this.#messages.push({ op: 'confirm', to: at, from: to, mark: to.mark });
      return;
    }
    // A grant that comes later takes part if it changes nothing.
    if (to.phase !== 'confirming' || to.grants.has(node)) return;
    if (attempt >= to.mark!.attempt && !isConfirmedAnyway) return;
    this.#messages.push({ op: 'confirm', to: node, from: to, mark: to.mark! });
  }

  /** A claimant starts, ends, gives up, loses its lease or dies. */
  #goOn(one: Claimant): void {
    const rng = this.#rng;
    if (one.phase === 'dead') return;
    if (rng.chance(0.06)) one.isValid = false;
    if (rng.chance(0.06)) {
      one.phase = 'dead';
      one.isValid = false;
      return;
    }
    switch (one.phase) {
      case 'claiming':
        if (rng.chance(0.2)) this.#end(one, { op: 'release' });
        return;
      case 'confirming':
        if (one.confirmed.size >= MAJORITY && one.isValid && rng.chance(0.8)) return this.#start(one);
        if (!one.isValid || rng.chance(0.2)) this.#giveUp(one);
        return;
      case 'running':
        if (rng.chance(0.5)) this.#finish(one);
        return;
      case 'finishing':
        if (!one.isReported) this.#sendFinish(one);
        return;
      case 'done':
    }
  }

  #giveUp(one: Claimant): void {
    const mayOpen = !one.retry || this.flaw === 'take-back by a retry';
    this.#end(one, mayOpen ? { op: 'open', mark: one.mark! } : { op: 'release' });
  }

  #end(one: Claimant, end: { op: 'release' } | { op: 'open'; mark: RunMark }): void {
    one.phase = 'done';
    one.isValid = false;
    for (const to of NODES) this.#messages.push({ ...end, to, from: one });
  }

  #finish(one: Claimant): void {
    one.phase = 'finishing';
    one.isValid = false;
    this.#sendFinish(one);
  }

  #sendFinish(one: Claimant): void {
    for (const to of NODES) this.#messages.push({ op: 'finish', to, from: one, mark: one.mark! });
  }

  #start(one: Claimant): void {
    one.phase = 'running';
    const before = this.#starts.filter(({ tick }) => tick === one.tick);
    this.#starts.push(one);
    const { attempt } = one.mark!;
    if (!one.retry && before.length > 0) this.#wrong = 'an ordinary claim starts a tick that was started';
    if (before.some(({ isReported }) => isReported)) this.#wrong = 'a finished tick is started again';
    if (before.some(({ mark }) => mark!.attempt >= attempt)) this.#wrong = 'attempts do not count up';
    if (this.#starts.some(({ tick }) => tick > one.tick))
      this.#wrong = 'an earlier tick starts after a later one';
    const others = this.#starts.filter((other) => other !== one);
    if (others.some(({ phase, isValid }) => phase === 'running' && isValid)) this.#wrong = 'two runs at once';
  }

  #expire(): void {
    const node = this.#rng.pick(this.#nodes);
    if (node.owner !== undefined && !this.#claimants[node.owner]!.isValid) node.owner = undefined;
  }

  /** Fewer than a majority at a time. */
  #loseMemory(): void {
    const node = this.#rng.pick(this.#nodes);
    if (this.#losses >= MOST_LOSSES || this.#nodes.some((one) => one !== node && !one.isTrusted)) return;
    this.#losses++;
    const forgot = Math.max(0, ...this.#claimants.map(({ tick }) => tick));
    Object.assign(node, { owner: undefined, run: undefined, hasCounter: false, forgot, isTrusted: false });
  }

  /** When all is over that the node may have voted for. */
  #trustAgain(): void {
    if (this.#claimants.some(({ isValid }) => isValid)) return;
    const node = this.#rng.pick(this.#nodes);
    node.isTrusted = true;
  }
}

/** What goes wrong in the worlds of so many seeds, if anything does, and how many runs start in them. */
export function playRuns(
  first: number,
  count: number,
  flaw?: RunFlaw,
): { readonly wrong: string[]; readonly starts: number } {
  const worlds = Array.from({ length: count }, (_, at) => ({
    seed: first + at,
    ...new World(first + at, flaw).run(),
  }));
  return {
    wrong: worlds.flatMap(({ seed, wrong }) => (wrong === undefined ? [] : [`seed ${seed}: ${wrong}`])),
    starts: worlds.reduce((sum, { starts }) => sum + starts, 0),
  };
}
