import { isPutBack, type MemoryProgress, type MemoryReport } from '../../core/quarantine.js';
import { readPair } from '../../core/membership/record.js';
import type { Stamp } from '../../core/validity.js';
import { failed, type Failed } from '../../core/vote.js';
import type { NodeState } from '../node-state.js';
import type { NodeSettings } from '../node-options.js';
import { ObservableState } from '../observable-state.js';
import type { Finding, Identity, MemoryFinding } from './finding.js';
import { NodeClock } from './node-clock.js';

const CANNOT_SUBSCRIBE =
  'its user may not subscribe to its channel: waiters ask again and again instead of being notified, ' +
  'see docs/security.md';

/** The reason of a node without a marker. */
export const IS_NEW = 'it is new, or has lost everything';

const unwritable = (why: string): string =>
  `nothing can be written there, so its first use has to wait: ${why}`;

/** Beside the drift factor, for clocks that count whole milliseconds. */
const DRIFT_FLOOR_MS = 2;

/** What a server says of itself, as far as its state tells it. */
export interface ServerFacts {
  /** Identifies the process, or what else has one memory. `undefined` where it is not known. */
  readonly runId: string | undefined;
  /** What the operator should know although the server votes. */
  readonly cautions: readonly string[];
}

/**
 * Whether a server may vote, as a state. It follows from the server's marker, from its clock, and from what
 * this client has seen of it. Sends nothing.
 */
export class VotingState<Info extends ServerFacts = ServerFacts> extends ObservableState {
  readonly nodeClock: NodeClock;
  /** What the server behind the present connection said of itself. */
  info: Info;
  readonly #settings: NodeSettings;
  /** Why notifications do not arrive; `undefined`: they do. */
  #obstacle: string | undefined;
  /** Why a node that has not been used yet cannot be; `undefined`: nothing is known against it. */
  #unwritable: string | undefined;
  /** Why requests were refused for lack of a right, by what they need it for. */
  readonly #forbidden = new Map<string, string>();
  /** This client's own quarantines of the node: when they end, by their reasons. */
  readonly #quarantines = new Map<string, number>();
  /** When the marker's quarantine ends. */
  #markedUntil = 0;
  /** How far the node's memory had come at the last look. */
  #progress: MemoryProgress | undefined;
  /** What the marker said at the last look. */
  #identity: Pick<NodeState, 'id' | 'record'> = {};

  constructor(
    settings: NodeSettings,
    info: Info,
    /** What has happened to a server that lost its memory. */
    private readonly forgot: string,
    private readonly listener: {
      /** The node lost its vote for now, and has an end of quarantine. */
      onUntrusted(): void;
      /** The node has put an earlier memory back, and does not know it. */
      onPutBack(): void;
    },
  ) {
    super();
    this.#settings = settings;
    this.info = info;
    this.nodeClock = new NodeClock(settings.driftFactor);
  }

  /** The vote on a request that cannot be sent now; `undefined` if it can be sent. */
  absence(): Failed | undefined {
    const { status, reason = status } = this.state;
    if (status === 'ready' || status === 'untrusted') return undefined;
    return failed(status === 'new' ? 'untrusted' : 'unreachable', new Error(reason));
  }

  /** The vote that takes the place of a grant that does not count; `undefined` if grants count. */
  untrusted(): Failed | undefined {
    const { status, reason, trustedAt } = this.state;
    // Misconfigured: this very reply has shown that the node must not vote.
    if (status !== 'untrusted' && status !== 'misconfigured') return undefined;
    const leftS = Math.ceil(Math.max(0, (trustedAt ?? 0) - this.#settings.clock.now()) / 1_000);
    const end = trustedAt === undefined ? '' : `; it votes again in ${leftS} s`;
    return failed('untrusted', new Error(`${reason}${end}`));
  }

  quarantine(reason: string): void {
    const { quarantine, clock } = this.#settings;
    if (quarantine.ms === 0) return;
    this.#quarantines.set(reason, clock.now() + quarantine.ms);
    this.#updateOwn();
  }

  endQuarantine(reason: string): void {
    if (this.#quarantines.delete(reason)) this.#updateOwn();
  }

  /** Forgets this client's own quarantines. The marker's goes on. */
  endQuarantines(): void {
    this.#quarantines.clear();
  }

  /** Waiters are not notified. */
  cannotSubscribe(why = CANNOT_SUBSCRIBE): void {
    this.#obstacle = why;
    if (this.state.status === 'ready') this.#update(0);
  }

  canSubscribe(): void {
    if (this.#obstacle === undefined) return;
    this.#obstacle = undefined;
    if (this.state.status === 'ready') this.#update(0);
  }

  /** A request was refused for lack of a right. `verb` is what cannot be done. */
  lacksPermission(verb: string, reason: string): void {
    if (this.#forbidden.has(verb)) return;
    this.#forbidden.set(verb, reason);
    this.#updateOwn();
  }

  /** Whether a right is missing for this, as far as it is known. */
  isForbidden(verb: string): boolean {
    return this.#forbidden.has(verb);
  }

  /** A request that needs the right was carried out. */
  hasPermission(verb: string): void {
    if (this.#forbidden.delete(verb)) this.#updateOwn();
  }

  /** Something could not be written, for a reason in the server's words. It matters at its first use. */
  cannotWrite(why: string): void {
    if (this.#isUsed) return;
    this.#unwritable = why;
    if (this.state.status === 'new') this.#update(-1);
    if (this.state.status === 'ready') this.#update(0);
  }

  /** Learns what every reply tells: the node's time, and what the guard found. */
  learn(sentAt: Stamp, { nodeUs, quarantineLeftMs, identity, memory }: Finding): void {
    if (identity !== undefined) this.#identity = this.#identityOf(identity);
    if (memory !== undefined) this.#learnMemory(memory);
    const hasMarkerNow = this.state.status === 'new' && quarantineLeftMs >= 0;
    if (this.#isUsed || hasMarkerNow) this.#unwritable = undefined;
    const reading = this.nodeClock.observe(sentAt, this.#settings.clock.stamp(), nodeUs / 1_000);
    if (reading === 'stepped') this.quarantine('its clock was stepped');
    const isAsBefore =
      quarantineLeftMs === 0 &&
      identity === undefined &&
      this.state.status === 'ready' &&
      this.nodeClock.isToldBy(this.state);
    if (!isAsBefore) this.#update(quarantineLeftMs);
  }

  /** What a look told of the node's memory, to be called with the finding of the latest reply. */
  report({ quarantineLeftMs, memory }: Finding): MemoryReport | undefined {
    if (memory === undefined) return undefined;
    const { name, ageMs, outMs } = memory;
    const isTrusted = quarantineLeftMs === 0 && this.state.status === 'ready';
    const leftMs = quarantineLeftMs;
    return { memory: name, ageMs, leftMs, isTrusted, outMs: this.canTellLeases ? outMs : undefined };
  }

  /** Whether the marker tells how long the leases live that are out. */
  get canTellLeases(): boolean {
    const { isExact, quarantine } = this.#settings;
    // Without a run id, a restart with old data goes unnoticed.
    return isExact && quarantine.ms > 0 && this.info.runId !== undefined;
  }

  /** The marker has another name from now on. */
  forgetProgress(): void {
    this.#progress = undefined;
  }

  /** Whether it has a list of nodes: then it has been written to. */
  get #isUsed(): boolean {
    return this.#identity.record?.pair !== undefined;
  }

  #identityOf({ id, record }: Identity): Pick<NodeState, 'id' | 'record'> {
    if (record === undefined) return {};
    const { memory, sequence, text, inForceInMs, ageMs } = record;
    const { clock, driftFactor } = this.#settings;
    const now = clock.now();
    const inForceAt = inForceInMs === 0 ? now : now + inForceInMs * (1 + driftFactor) + DRIFT_FLOOR_MS;
    const pair = text === '' ? undefined : readPair(text);
    const kept = { memory, sequence, pair, inForceAt, writtenAt: now - ageMs };
    return id === '' ? { record: kept } : { id, record: kept };
  }

  #learnMemory({ longestMs, bornUs, writes }: MemoryFinding): void {
    this.#settings.quarantine.raise(longestMs);
    const before = this.#progress;
    this.#progress = { serverId: this.info.runId, bornUs, writes };
    if (before === undefined) return;
    if (isPutBack(before, this.#progress)) this.listener.onPutBack();
    else if (before.writes !== writes) this.#unwritable = undefined;
  }

  /** Updates the state when only what this client knows has changed. */
  #updateOwn(): void {
    const { status } = this.state;
    if (status !== 'ready' && status !== 'untrusted') return;
    this.#update(Math.max(0, this.#markedUntil - this.#settings.clock.now()));
  }

  /** `quarantineLeftMs` is the marker's: how long the grants do not count yet; -1 without a marker. */
  #update(quarantineLeftMs: number): void {
    const about = this.#about();
    if (quarantineLeftMs < 0) {
      const { id: _id, record: _record, ...rest } = about;
      const why = this.#unwritable === undefined ? '' : `, and ${unwritable(this.#unwritable)}`;
      this.set({ ...rest, status: 'new', reason: `${IS_NEW}${why}` });
      return;
    }
    const now = this.#settings.clock.now();
    this.#markedUntil = now + quarantineLeftMs;
    const [reason, until] = this.#latest();
    const leftMs = Math.max(quarantineLeftMs, until - now);
    if (leftMs <= 0) {
      const hindrance = this.#unwritable === undefined ? {} : { reason: unwritable(this.#unwritable) };
      this.set({ ...about, ...hindrance, status: 'ready' });
      return;
    }
    const why = until - now >= quarantineLeftMs ? reason : this.forgot;
    const isNews = this.state.status !== 'untrusted';
    this.set({ ...about, status: 'untrusted', reason: why, trustedAt: now + leftMs });
    if (isNews && !this.ended) this.listener.onUntrusted();
  }

  /** The one of this client's quarantines that ends last. */
  #latest(): readonly [reason: string, until: number] {
    let latest: readonly [string, number] = ['', 0];
    for (const one of this.#quarantines) if (one[1] > latest[1]) latest = one;
    return latest;
  }

  #about(): Omit<NodeState, 'status'> {
    const { runId: serverId, cautions: ofServer } = this.info;
    const unwritten = this.#unwritable === undefined ? undefined : unwritable(this.#unwritable);
    // One missing right is enough to tell: several verbs may need it.
    const [forbidden] = this.#forbidden.values();
    const own = [this.#obstacle, unwritten, forbidden].filter((caution) => caution !== undefined);
    const cautions = [...ofServer, ...own];
    return {
      ...this.#identity,
      ...this.nodeClock.about,
      ...(serverId === undefined ? {} : { serverId }),
      ...(cautions.length === 0 ? {} : { cautions }),
    };
  }
}
