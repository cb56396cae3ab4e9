import { giverLeftMs } from '../../src/core/adoption.js';
import { takersIn } from '../../src/core/extension-votes.js';
import { agreeOn, tokenOf } from '../../src/core/fencing.js';
import { majorityOf } from '../../src/core/quorum.js';
import { failed, type Granted, type Vote } from '../../src/core/vote.js';
import { PRESENT_ONLY, type NodeRequest } from '../../src/node/node-request.js';
import { voteOn, type ResourceRecord } from '../../src/node/vote-rules.js';

/** Mistakes. Each must lead to two holders at once, or to a token that does not grow. */
export const ADOPTION_FLAWS = [
  'a lease is given away and goes on',
  'nobody waits for the end of the lease elsewhere',
  'the wait ends with the shortest of the keys',
  'the wait is counted from the request',
  'a key is taken from whomever has it',
  'a key that is taken is shortened',
  'a lost adoption releases what its giver may still hold',
  'a second request counts from itself',
  'a second request is told that nothing is left of the lease',
  'an adoption does not count',
  'a token is not confirmed',
  'a node that forgot votes',
] as const;

export type AdoptionFlaw = (typeof ADOPTION_FLAWS)[number];

/** What may happen in a world: everything that these bounds allow does, in every order. */
export interface Bounds {
  readonly nodes: 2 | 3;
  /** How many nodes have the first holder's key. 0: it had one on all of them, and has released it. */
  readonly keys: number;
  /** By how much the first node's counter is ahead: somebody was granted that node, and lost. */
  readonly ahead: number;
  readonly until: number;
  /** What the clients after the first holder do: adopt its lease, or acquire the resource. */
  readonly others: readonly ('adopts' | 'acquires')[];
  /** How often the first holder extends its lease, and how often each of the others does. */
  readonly extensions: readonly [number, number];
  /** Whether the first holder gives its lease away, or releases it, or had given it away before. */
  readonly ends: 'never' | 'by giving it away' | 'by a release' | 'before it begins';
  /** How many nodes lose their memory. */
  readonly losses: number;
  /** Whether a call that got no answer asks a second time. */
  readonly repeats: boolean;
}

/** In units of time; a request is carried out within one unit, or never. */
const TIMEOUT = 1;
const QUARANTINE = 3;
const RESOURCE = 'r';
/** The first holder's lease is longer than those of the others. */
const ttlOf = (client: number): number => (client === 0 ? 3 : 2);
const LATEST = Number.MAX_SAFE_INTEGER;

type Phase = 'idle' | 'asking' | 'waiting' | 'holding' | 'given' | 'over';

interface ModelRound {
  readonly op: 'acquire' | 'confirm' | 'extend';
  readonly sentAt: number;
  /** Of the first request of this call: the lease counts from there. */
  readonly firstAt: number;
}

interface Client {
  readonly phase: Phase;
  readonly token: number;
  readonly validUntil: number;
  /** Until when its giver may hold the lease. */
  readonly waitUntil: number;
  /** What it adopts: the lease of the first holder; whether that was given away. */
  readonly from: 'nothing' | 'held' | 'given';
  readonly extensions: number;
  readonly repeats: number;
  readonly round: ModelRound | undefined;
}

/** What is under way between a client and a node, and what the node answered in the present round. */
interface Link {
  readonly isSent: boolean;
  readonly vote: Vote | undefined;
  /** A request that nobody waits for the answer of: a key that is set again, or a release. */
  readonly late: 'restore' | 'release' | undefined;
}

interface Place {
  readonly record: ResourceRecord | undefined;
  readonly trustedAt: number;
  readonly links: readonly Link[];
}

/**
 * In each unit of time the clients make calls, one after the other, and then requests arrive at one node
 * after the other: on each of them in any order.
 */
interface State {
  readonly now: number;
  /** Whose turn it is in this unit: the clients and then the nodes. */
  readonly step: number;
  readonly losses: number;
  /** The highest token of a lease so far. */
  readonly highest: number;
  readonly clients: readonly Client[];
  readonly places: readonly Place[];
}

const IDLE_LINK: Link = { isSent: false, vote: undefined, late: undefined };
const untrusted = failed('untrusted', new Error('it lost its memory'));
const nameOf = (client: number): string => `client ${client}`;

export interface Result {
  readonly states: number;
  /** How many of them have an adopted lease. */
  readonly adopted: number;
  readonly violation: string | undefined;
}

/** Visits every state that can be reached, depth first. */
export function exploreAdoptions(bounds: Bounds, flaw?: AdoptionFlaw): Result {
  const world = new World(bounds, flaw);
  const seen = new Set<string>();
  const open = [world.start()];
  let adopted = 0;
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (const next of world.after(state)) {
      const sorted = inOrder(next);
      if (seen.has(sorted.key)) continue;
      seen.add(sorted.key);
      const violation = world.violation ?? violationIn(next);
      if (violation !== undefined) return { states: seen.size, adopted, violation };
      if (next.clients.some(({ phase, from }) => phase === 'holding' && from !== 'nothing')) adopted++;
      open.push(sorted.state);
    }
  }
  return { states: seen.size, adopted, violation: undefined };
}

const isValid = ({ phase, validUntil }: Client, now: number): boolean =>
  phase === 'holding' && now < validUntil;

function violationIn({ clients, now }: State): string | undefined {
  const holders = clients.filter((client) => isValid(client, now));
  return holders.length > 1 ? `two holders at ${now}` : undefined;
}

/** Nodes are alike, so states that differ in their order alone are one; but in a unit each has its turn. */
function inOrder(state: State): { readonly key: string; readonly state: State } {
  const { now, step, losses, highest, clients } = state;
  const texts = state.places.map((place) => [textOf(place, now), place] as const);
  if (step <= clients.length) texts.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
  const rest = clients.map(({ round, ...client }) =>
    [...Object.values(client), round?.op, round?.sentAt, round?.firstAt].join(),
  );
  const key = [now, step, losses, highest, ...rest, ...texts.map(([text]) => text)].join('|');
  return { key, state: { ...state, places: texts.map(([, place]) => place) } };
}

function textOf({ record, trustedAt, links }: Place, now: number): string {
  const key =
    record?.owner !== undefined && record.expiresAt > now ? `${record.owner} ${record.expiresAt}` : '';
  const told = links.map(({ isSent, vote, late }) => `${isSent ? 1 : 0}${voteText(vote)}${late ?? ''}`);
  return `${key};${record?.counter};${Math.max(trustedAt, now)};${told.join()}`;
}

function voteText(vote: Vote | undefined): string {
  if (vote === undefined) return '';
  if (vote.kind === 'granted') return `g${vote.counter}/${vote.giverLeftMs}`;
  return vote.kind === 'failed' ? vote.reason : `${vote.reason}${vote.owner}${vote.untrusted}`;
}

const replaced = <T>(list: readonly T[], at: number, item: T): T[] =>
  list.map((one, index) => (index === at ? item : one));

class World {
  /** A lease that began with a token that is not above those before it. */
  violation: string | undefined;
  readonly #majority: number;
  readonly #clients: number;

  constructor(
    private readonly bounds: Bounds,
    private readonly flaw: AdoptionFlaw | undefined,
  ) {
    this.#majority = majorityOf(bounds.nodes);
    this.#clients = 1 + bounds.others.length;
  }

  get #isGiven(): boolean {
    return this.bounds.ends === 'before it begins';
  }

  start(): State {
    const client = { token: 0, validUntil: 0, waitUntil: 0, from: 'nothing', repeats: 0 } as const;
    const clients = Array.from({ length: this.#clients }, (_, index): Client => ({
      ...client,
      phase: index > 0 ? 'idle' : this.#isGiven ? 'given' : 'holding',
      extensions: 0,
      round: undefined,
      ...(index === 0 ? { token: 1, validUntil: ttlOf(0) } : {}),
    }));
    const places = Array.from({ length: this.bounds.nodes }, (_, index): Place => {
      const hasKey = index < this.bounds.keys;
      const counter = (hasKey || this.bounds.keys === 0 ? 1 : 0) + (index === 0 ? this.bounds.ahead : 0);
      const owner = hasKey ? nameOf(0) : undefined;
      const record = { owner, expiresAt: ttlOf(0), counter, run: undefined };
      const links = clients.map(() => IDLE_LINK);
      return { record, trustedAt: 0, links };
    });
    return { now: 0, step: 0, losses: 0, highest: 1, clients, places };
  }

  /** All states that may come next. */
  *after(state: State): Generator<State> {
    const { step, losses } = state;
    if (step < this.#clients) {
      yield { ...state, step: step + 1 };
      for (const next of this.#calls(state, step)) yield { ...next, step: step + 1 };
      return;
    }
    const at = step - this.#clients;
    if (at < this.bounds.nodes) {
      yield { ...state, step: step + 1 };
      for (let client = 0; client < this.#clients; client++) yield* this.#arrivals(state, client, at);
      if (losses < this.bounds.losses) yield this.#forget(state, at);
    } else if (state.now < this.bounds.until) {
      yield this.#tick(state);
    }
  }

  *#calls(state: State, index: number): Generator<State> {
    const client = state.clients[index]!;
    const { phase, round, extensions } = client;
    const first = state.clients[0]!;
    if (index > 0 && phase === 'idle') {
      const isGiven = first.phase === 'given' || this.flaw === 'a lease is given away and goes on';
      if (this.bounds.others[index - 1] === 'acquires') yield this.#ask(state, index, client, 'acquire');
      else if (this.bounds.ends !== 'by giving it away' && !this.#isGiven)
        yield this.#ask(state, index, { ...client, from: 'held' }, 'acquire');
      else if (isGiven) yield this.#ask(state, index, { ...client, from: 'given' }, 'acquire');
    }
    if (index === 0 && isValid(client, state.now)) {
      const { ends } = this.bounds;
      if (ends === 'by giving it away') yield this.#done(state, 0, { ...client, phase: 'given' });
      if (ends === 'by a release') yield this.#release(this.#done(state, 0, { ...client, phase: 'over' }), 0);
    }
    // It does not know yet what came of its requests.
    const mayRepeat = this.bounds.repeats && client.repeats === 0 && client.from !== 'nothing';
    if (mayRepeat && round?.op === 'acquire' && state.now > round.sentAt)
      yield this.#ask(state, index, { ...client, repeats: 1 }, 'acquire', round.firstAt);
    const isHeld = (phase === 'waiting' || phase === 'holding') && state.now < client.validUntil;
    if (isHeld && round === undefined && extensions < this.bounds.extensions[index === 0 ? 0 : 1])
      yield this.#ask(state, index, { ...client, extensions: extensions + 1 }, 'extend');
  }

  /** A request arrives, and its answer comes at once or never. */
  *#arrivals(state: State, index: number, at: number): Generator<State> {
    const place = state.places[at]!;
    const link = place.links[index]!;
    const { round } = state.clients[index]!;
    if (link.late !== undefined) {
      const request =
        link.late === 'release' ? this.#releaseRequest(index) : this.#restoreRequest(state, index);
      const isLate = link.late === 'restore' && !isValid(state.clients[index]!, state.now);
      const { record } = isLate ? place : this.#vote(state, place, request);
      yield this.#at(state, at, index, { ...link, late: undefined }, record);
    }
    if (!link.isSent || round === undefined) return;
    const { record, vote } = this.#vote(state, place, this.#requestOf(state, index, round));
    yield this.#at(state, at, index, { ...link, isSent: false }, record);
    yield this.#counted(this.#at(state, at, index, { ...link, isSent: false, vote }, record), index);
  }

  #vote(
    state: State,
    place: Place,
    request: NodeRequest,
  ): { readonly record: ResourceRecord | undefined; readonly vote: Vote } {
    const { now } = state;
    let { record } = place;
    const asked = { ...request };
    const owner = record !== undefined && record.expiresAt > now ? record.owner : undefined;
    const from = asked.op === 'acquire' ? asked.from : undefined;
    if (this.flaw === 'a key is taken from whomever has it' && from !== undefined && asked.op === 'acquire')
      Object.assign(asked, { from: owner ?? from });
    const store = {
      get: () => record,
      set: (_: string, written: ResourceRecord) => {
        const isShortened = this.flaw === 'a key that is taken is shortened' && from !== undefined;
        record =
          isShortened && asked.op === 'acquire' ? { ...written, expiresAt: now + asked.ttlMs } : written;
      },
    };
    let vote = voteOn(asked, store, { now, callerNow: now, wallMs: now });
    const isSecond = this.flaw === 'a second request is told that nothing is left of the lease';
    if (isSecond && vote.kind === 'granted' && owner === request.holderId) vote = { ...vote, giverLeftMs: 0 };
    if (now < place.trustedAt) {
      if (vote.kind === 'granted') vote = untrusted;
      if (vote.kind === 'refused') vote = { ...vote, untrusted: true };
    }
    return { record, vote };
  }

  /** What a client does with one more vote. */
  #counted(state: State, index: number): State {
    const client = state.clients[index]!;
    const round = client.round!;
    const votes = state.places.map(({ links }) => links[index]!.vote);
    const grants = votes.filter((vote): vote is Granted => vote?.kind === 'granted');
    if (grants.length < this.#majority) {
      return votes.includes(undefined) ? state : this.#failed(state, index);
    }
    switch (round.op) {
      case 'extend': {
        const validUntil = Math.max(client.validUntil, round.sentAt + ttlOf(index));
        return this.#done(state, index, state.now < client.validUntil ? { ...client, validUntil } : client);
      }
      case 'acquire': {
        const token = tokenOf(grants);
        const leftMs = this.#leftMs(grants, client, round, state.now);
        if (client.from !== 'nothing' && leftMs === undefined) return this.#failed(state, index);
        const taken = { ...client, token, waitUntil: leftMs ?? 0 };
        if (agreeOn(token, grants) || this.flaw === 'a token is not confirmed')
          return this.#won(state, index, taken);
        return this.#ask(state, index, taken, 'confirm');
      }
      case 'confirm':
        return this.#won(state, index, client);
    }
  }

  /** Until when the giver may hold its lease. */
  #leftMs(
    grants: readonly Granted[],
    { from }: Client,
    { sentAt }: ModelRound,
    now: number,
  ): number | undefined {
    const left = giverLeftMs(grants);
    if (left === undefined) return undefined;
    if (from === 'given' || this.flaw === 'nobody waits for the end of the lease elsewhere') return now;
    if (this.flaw === 'the wait is counted from the request') return sentAt + left;
    const isShortest = this.flaw === 'the wait ends with the shortest of the keys';
    return now + (isShortest ? Math.min(...grants.map((grant) => grant.giverLeftMs ?? 0)) : left);
  }

  #won(state: State, index: number, client: Client): State {
    const { firstAt, sentAt } = client.round!;
    const beganAt = this.flaw === 'a second request counts from itself' ? sentAt : firstAt;
    const validUntil = beganAt + ttlOf(index);
    return this.#done(state, index, this.#advanced(state, { ...client, phase: 'waiting', validUntil }));
  }

  /** The end of a wait. */
  #advanced({ now, highest }: State, client: Client): Client {
    if (client.phase !== 'waiting') return client;
    if (now >= client.validUntil) return { ...client, phase: 'over', round: undefined };
    if (now < client.waitUntil) return client;
    if (client.token <= highest) this.violation = `token ${client.token} after ${highest}`;
    return { ...client, phase: 'holding' };
  }

  #failed(state: State, index: number): State {
    const client = state.clients[index]!;
    const votes = state.places.map(({ links }) => links[index]!.vote);
    if (client.round!.op === 'extend') {
      const done = this.#done(state, index, client);
      if (client.phase !== 'holding' || takersIn(votes, this.#majority) !== undefined) return done;
      const places = done.places.map((place, at) => {
        const vote = votes[at];
        return vote?.kind === 'refused' && vote.reason === 'absent'
          ? this.#linked(place, index, { late: 'restore' })
          : place;
      });
      return { ...done, places };
    }
    const over = this.#done(state, index, { ...client, phase: 'over' });
    const releases =
      client.from !== 'held' || this.flaw === 'a lost adoption releases what its giver may still hold';
    return releases ? this.#release(over, index) : over;
  }

  #tick(before: State): State {
    let state: State = { ...before, now: before.now + 1, step: 0 };
    for (let index = 0; index < this.#clients; index++) {
      const { round } = state.clients[index]!;
      if (round !== undefined && state.now > round.sentAt + TIMEOUT) state = this.#failed(state, index);
      state = this.#with(state, index, this.#advanced(state, state.clients[index]!));
    }
    return state;
  }

  #forget(state: State, at: number): State {
    const trustedAt = this.flaw === 'a node that forgot votes' ? 0 : state.now + QUARANTINE;
    const place = { ...state.places[at]!, record: undefined, trustedAt };
    return { ...state, losses: state.losses + 1, places: replaced(state.places, at, place) };
  }

  /** Sends a request to all nodes: a confirmation to those that have granted with no higher counter. */
  #ask(state: State, index: number, client: Client, op: ModelRound['op'], firstAt?: number): State {
    const begin = op === 'confirm' ? client.round!.firstAt : (firstAt ?? state.now);
    const round = { op, sentAt: state.now, firstAt: begin };
    const phase = op === 'extend' ? client.phase : 'asking';
    const places = state.places.map((place) => {
      const { vote } = place.links[index]!;
      const isAsked = op !== 'confirm' || (vote?.kind === 'granted' && vote.counter <= client.token);
      return this.#linked(place, index, { isSent: isAsked, vote: undefined });
    });
    return this.#with({ ...state, places }, index, { ...client, phase, round });
  }

  #requestOf({ clients }: State, index: number, { op, sentAt }: ModelRound): NodeRequest {
    const { token, from, phase, validUntil } = clients[index]!;
    const [resources, holderId] = [[RESOURCE], nameOf(index)];
    const deadlineAt = sentAt + TIMEOUT;
    const common = { resources, holderId, deadlineAt, list: '' };
    switch (op) {
      case 'acquire': {
        const tokens = from !== 'nothing' && this.flaw === 'an adoption does not count' ? 0 : 1;
        const taken = from === 'nothing' ? {} : { from: nameOf(0) };
        const seed = (sentAt + 1) * 100;
        return { ...common, op, ttlMs: ttlOf(index), seed, tick: undefined, tokens, ...taken };
      }
      case 'confirm':
        return { ...common, op, token, tick: undefined };
      case 'extend': {
        const kept = phase === 'waiting' ? PRESENT_ONLY : token;
        const latest = Math.min(deadlineAt, validUntil);
        return { ...common, op, ttlMs: ttlOf(index), deadlineAt: latest, token: kept, maxCounter: token };
      }
    }
  }

  #restoreRequest(state: State, index: number): NodeRequest {
    const round = { op: 'extend', sentAt: state.now, firstAt: state.now } as const;
    return { ...this.#requestOf(state, index, round), token: LATEST } as NodeRequest;
  }

  #releaseRequest(index: number): NodeRequest {
    return { op: 'release', resources: [RESOURCE], holderId: nameOf(index), keepMs: 0 };
  }

  #release(state: State, index: number): State {
    const places = state.places.map((place) =>
      this.#linked(place, index, { isSent: false, late: 'release' }),
    );
    return { ...state, places };
  }

  /** The round of a client is over, and it is in this state. */
  #done(state: State, index: number, client: Client): State {
    const places = state.places.map((place) =>
      this.#linked(place, index, { isSent: false, vote: undefined }),
    );
    const next = this.#with({ ...state, places }, index, { ...client, round: undefined });
    return client.phase === 'holding' ? { ...next, highest: Math.max(state.highest, client.token) } : next;
  }

  #with(state: State, index: number, client: Client): State {
    const highest = client.phase === 'holding' ? Math.max(state.highest, client.token) : state.highest;
    return { ...state, highest, clients: replaced(state.clients, index, client) };
  }

  #linked(place: Place, index: number, link: Partial<Link>): Place {
    return { ...place, links: replaced(place.links, index, { ...place.links[index]!, ...link }) };
  }

  #at(state: State, at: number, index: number, link: Link, record: ResourceRecord | undefined): State {
    const place = { ...this.#linked(state.places[at]!, index, link), record };
    return { ...state, places: replaced(state.places, at, place) };
  }
}
