import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../clock.js';
import { reconnectDelayMs } from '../../core/backoff.js';
import { failed, WITHDRAWN, type Failed, type Vote } from '../../core/vote.js';
import type { Ear, LockNode, NodeInspection, NodeRequest, NodeState } from '../lock-node.js';
import {
  findingOf,
  guardWords,
  inspectionOf,
  inspectOperation,
  requestOperation,
  scriptCall,
  voteOf,
  type Guard,
} from './batch.js';
import type { Connection, Endpoint } from './connection.js';
import { GroupCommit } from './group-commit.js';
import { inParts } from './in-parts.js';
import { channelOf, markerKeyOf } from './keys.js';
import { NodeClock } from './node-clock.js';
import { RedisEar } from './redis-ear.js';
import type { MarkerPlace, Operation, ScriptCall } from './script-call.js';
import { SCRIPT } from './script.js';
import { serverInfoOf, type ServerInfo } from './server-info.js';
import { Standing } from './standing.js';

export interface RedisNodeSettings {
  readonly keyPrefix: string;
  readonly driftFactor: number;
  /** How long a node that lost its memory, or whose clock was stepped, has no vote; 0: it keeps it. */
  readonly quarantineMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Where the server is a shard of a Cluster. */
  readonly shard?: ShardSettings;
}

/** What is different on a shard of a Cluster. */
interface ShardSettings {
  /** Where its marker is now. */
  marker(): string;
  /** Requests of different slots cannot go in one call. */
  slotOf(request: NodeRequest): number;
}

/** A request, and who hears its answer. */
interface Asked {
  readonly request: NodeRequest;
  readonly operation: Operation;
  readonly weight: number;
  readonly answered: (vote: Vote) => void;
  /** Whether it was late before; see `#answer`. */
  readonly isSecond: boolean;
}

/** It reads more than it writes. */
const EXTENSION_WEIGHT = 0.5;
/** How long a server that cannot vote as it is, such as a replica, is left alone before it is asked again. */
const RECHECK_MS = 5_000;
/** How often a node is looked at without being asked anything, so that a restart or a clock step is seen early. */
const PROBE_MS = 5_000;
const NOT_LOGGED_IN = /^(WRONGPASS|NOAUTH|ERR invalid password|ERR Client sent AUTH)/;
/** Of a command, and of a command in the script: Redis 7.0, and later. */
const NOT_PERMITTED = /^(NOPERM|ERR The user executing the script|ERR ACL failure in script)/;

const FORGOT = 'it lost its memory: it restarted, or was emptied';
const SHARD_FORGOT =
  'it lost its memory, or took slots over: it restarted, was emptied, promoted or given more';

const DEAF =
  'its user may not subscribe to its channel: who waits for a lock asks again and again instead of being told, see SECURITY.md';

/** Why a server that says this cannot vote until its operator does something, if so. */
export function refusalOf(message: string): string | undefined {
  const why = NOT_LOGGED_IN.test(message)
    ? 'the server refused the user or password'
    : NOT_PERMITTED.test(message)
      ? 'its user lacks a permission that locks need, see SECURITY.md'
      : undefined;
  return why && `${why} (${message})`;
}

/** A Redis server as a voter, or the one that is the master behind sentinels, over a connection of its own. */
export class RedisNode implements LockNode {
  readonly name: string;
  readonly address: string;
  readonly #settings: RedisNodeSettings;
  readonly #keyPrefix: string;
  readonly #usualPlace: MarkerPlace;
  readonly #durable: boolean;
  readonly #failsOver: boolean;
  readonly #masterRunId: () => Promise<string | undefined>;
  readonly #connection: Connection;
  readonly #openConnection: () => Connection;
  readonly #ears = new Set<RedisEar>();
  /** What is not as it should be with the ears. */
  #deafness: string | undefined;
  readonly #standing = new Standing();
  readonly #nodeClock: NodeClock;
  readonly #requests: GroupCommit<Asked>;
  /** Counts connections, so that what an old one still says is not taken for the present one. */
  #epoch = 0;
  #lastError = 'not connected';
  #server: ServerInfo = serverInfoOf('');
  /** What the guard of every vote is told, as long as the server is the same. */
  #usualGuard: { readonly runId: string; readonly words: string } | undefined;
  #distrusted = { until: 0, reason: '' };
  #nextLook: Timer | undefined;
  /** The node's id, should it have none. */
  readonly #spareId = randomUUID();
  /** What the marker said at the last look. */
  #identity: Pick<NodeState, 'id' | 'members'> = {};

  constructor(endpoint: Endpoint, settings: RedisNodeSettings) {
    this.name = endpoint.name;
    this.address = endpoint.address;
    this.#settings = settings;
    this.#keyPrefix = endpoint.clientPrefix + settings.keyPrefix;
    this.#usualPlace = { marker: markerKeyOf(this.#keyPrefix) };
    this.#durable = endpoint.durable;
    this.#failsOver = endpoint.failsOver;
    this.#masterRunId = endpoint.masterRunId ?? (() => Promise.resolve(undefined));
    this.#nodeClock = new NodeClock(settings.driftFactor);
    const { shard } = settings;
    const slotOf = shard && (({ request }: Asked): number => shard.slotOf(request));
    this.#requests = new GroupCommit(settings.clock, slotOf ? inParts(this.#send, slotOf) : this.#send);
    this.#openConnection = () => endpoint.open((attempt) => reconnectDelayMs(attempt, settings.random()));
    this.#connection = this.#openConnection();
    this.#connection.on('ready', () => void this.#introduce());
    this.#connection.on('close', () => this.#onClose());
    this.#connection.on('error', (error) => this.#onError(error));
    // Its failure arrives as an event as well; there is nothing to add to it here.
    this.#connection.connect().catch(() => undefined);
  }

  get state(): NodeState {
    return this.#standing.state;
  }

  onStateChange(listener: (state: NodeState) => void): () => void {
    return this.#standing.onChange(listener);
  }

  ask(request: NodeRequest, answered: (vote: Vote) => void): void {
    const operation = requestOperation(this.#keyPrefix, request);
    const { op, resources } = request;
    const weight = op === 'extend' ? resources.length * EXTENSION_WEIGHT : resources.length;
    this.#requests.add({ request, operation, weight, answered, isSecond: false });
  }

  withdraw(holderId: string): void {
    const isVain = ({ request }: Asked): boolean => request.holderId === holderId && !isForTheRecord(request);
    for (const { answered } of this.#requests.withdraw(isVain)) answered(WITHDRAWN);
  }

  onWake(waiter: string, listener: (resource: string | undefined) => void): Ear {
    if (this.#standing.out) return NO_EAR;
    const prefix = this.#keyPrefix;
    const hear = (key: string | undefined): void => {
      if (key === undefined) listener(undefined);
      else if (key.startsWith(prefix)) listener(key.slice(prefix.length));
    };
    const refused = (error: unknown): void => {
      if (!NOT_PERMITTED.test(messageOf(error))) return;
      this.#deafness = DEAF;
      if (this.state.status === 'ready') this.#weigh(0);
    };
    const ear = new RedisEar(this.#openConnection(), channelOf(prefix, waiter), hear, refused);
    this.#ears.add(ear);
    return {
      get open() {
        return ear.open;
      },
      close: () => {
        this.#ears.delete(ear);
        ear.close();
      },
    };
  }

  async inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]> {
    if (this.state.status === 'connecting') await this.#standing.next();
    const absence = this.#absence();
    if (absence !== undefined) return resources.map(() => absence);
    try {
      const replies = await this.#run(
        this.#call(resources.map((resource) => inspectOperation(this.#keyPrefix, resource))),
      );
      return replies.map(inspectionOf);
    } catch (error) {
      const failure = this.#failureOf(error);
      return resources.map(() => failure);
    }
  }

  look(): Promise<void> {
    return this.#order('look');
  }

  admit(as: 'trusted' | 'quarantined'): Promise<void> {
    if (as === 'quarantined') return this.#order('');
    this.#distrusted = { until: 0, reason: '' };
    return this.#order(this.state.status === 'new' ? 'first use' : 'trust');
  }

  distrust(reason: string): void {
    const { quarantineMs, clock } = this.#settings;
    if (quarantineMs === 0) return;
    this.#distrusted = { until: clock.now() + quarantineMs, reason };
    if (this.state.status === 'ready' || this.state.status === 'untrusted') this.#weigh(0);
  }

  refuse(reason: string): void {
    this.#leave({ status: 'refused', reason });
  }

  close(): Promise<void> {
    this.#leave({ status: 'closed' });
    return Promise.resolve();
  }

  #leave(state: NodeState): void {
    this.#nextLook?.cancel();
    this.#standing.leave(state);
    for (const ear of this.#ears) ear.close();
    this.#connection.disconnect();
  }

  /** Sends a batch, and answers every request of it, whatever happens. */
  readonly #send = async (batch: readonly Asked[]): Promise<void> => {
    if (this.state.status === 'connecting') await this.#standing.next();
    const absence = this.#absence();
    if (absence !== undefined) return batch.forEach(({ answered }) => answered(absence));
    const now = this.#settings.clock.now();
    const inTime: Asked[] = [];
    const operations: Operation[] = [];
    let latest = 0;
    for (const asked of batch) {
      const { request, operation, answered } = asked;
      const deadlineAt = deadlineOf(request);
      // It has waited for the connection, or behind others, until nobody waits for it any more: nothing is sent.
      if (deadlineAt < now) answered(LATE);
      else {
        if (deadlineAt > latest && deadlineAt !== Number.POSITIVE_INFINITY) latest = deadlineAt;
        inTime.push(asked);
        operations.push(operation);
      }
    }
    if (inTime.length === 0) return;
    try {
      const replies = await this.#run(this.#call(operations, this.#nodeClock.aheadUs(latest)));
      if (replies.some(isReadOnly)) this.#onDemotion();
      const distrust = this.#distrustNow();
      for (let at = 0; at < inTime.length; at++) this.#answer(inTime[at]!, voteOf(replies[at]), distrust);
    } catch (error) {
      const failure = this.#failureOf(error);
      for (const { answered } of inTime) answered(failure);
    }
  };

  #answer(asked: Asked, vote: Vote, distrust: Failed | undefined): void {
    const { request, isSecond, answered } = asked;
    // The longer nothing was heard of a node, the earlier a deadline is passed on to it. The answer has told the node's time
    // anew, and nothing was written: whoever has time left asks again.
    const isLate = vote.kind === 'failed' && vote.reason === 'late';
    if (isLate && !isSecond && deadlineOf(request) > this.#settings.clock.now())
      this.#requests.add({ ...asked, isSecond: true });
    // A grant of a node that is not trusted does not count, although it may be there.
    else if (distrust !== undefined && vote.kind === 'granted' && request.op !== 'release')
      answered(distrust);
    else answered(vote);
  }

  /** What a grant of this node counts for, where it counts for nothing. */
  #distrustNow(): Failed | undefined {
    const { status, reason, trustedAt } = this.state;
    // Refused: this very answer has shown that it must not vote.
    if (status !== 'untrusted' && status !== 'refused') return undefined;
    const leftS = Math.ceil(Math.max(0, (trustedAt ?? 0) - this.#settings.clock.now()) / 1_000);
    const again = trustedAt === undefined ? '' : `; it votes again in ${leftS} s`;
    return failed('untrusted', new Error(`${reason}${again}`));
  }

  /** Why nothing can be sent now, if so. */
  #absence(): Failed | undefined {
    const { status, reason = status } = this.state;
    if (status === 'ready' || status === 'untrusted') return undefined;
    return failed(status === 'new' ? 'untrusted' : 'unreachable', new Error(reason));
  }

  /**
   * Its marker has another name from now on. It `remembers` all that it knew under the old one: then it is trusted as before,
   * but for its counters, which go on from the time, because what the old marker said of them is not known to the new one.
   * Or it has had that name `before`, and lost it since.
   */
  async rename(memory: 'remembers' | 'before' | 'none'): Promise<void> {
    const { status } = this.state;
    const order =
      memory === 'before' ? 'distrust' : memory === 'remembers' && status === 'ready' ? 'trust' : '';
    if (status !== 'new') await this.#order(order);
    await this.look();
  }

  recordMembers(members: string): Promise<void> {
    return this.#order('members', members);
  }

  async #order(order: Guard['order'], given?: string): Promise<void> {
    try {
      await this.#run(this.#call([], 0, order, given));
    } catch (error) {
      this.#onError(error);
    }
  }

  #call(
    operations: readonly Operation[],
    aheadUs = 0,
    order: Guard['order'] = '',
    given: string = this.#spareId,
  ): ScriptCall {
    return scriptCall(this.#place(), this.#guardWords(order, given), aheadUs, operations);
  }

  #place(): MarkerPlace {
    const { shard } = this.#settings;
    return shard === undefined
      ? this.#usualPlace
      : { marker: shard.marker(), elsewhere: this.#usualPlace.marker };
  }

  #guardWords(order: Guard['order'], given: string): string {
    const runId = this.#server.runId ?? '';
    if (order === '' && this.#usualGuard?.runId === runId) return this.#usualGuard.words;
    const { quarantineMs } = this.#settings;
    const words = guardWords({ quarantineMs, runId, durable: this.#durable, order, given });
    if (order === '') this.#usualGuard = { runId, words };
    return words;
  }

  async #run(call: ScriptCall): Promise<readonly unknown[]> {
    const { clock } = this.#settings;
    const epoch = this.#epoch;
    const sentAt = clock.stamp();
    let reply: unknown;
    try {
      reply = await this.#connection.run(call);
    } catch (error) {
      // The server's script cache was emptied (SCRIPT FLUSH). The deadline inside still says until when it may act.
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
      reply = await this.#connection.runAndLoad(call);
    }
    if (!Array.isArray(reply)) throw new Error('the node answered with something that is no list');
    const [nodeUs, found, ...replies] = reply as unknown[];
    if (epoch === this.#epoch) {
      const { quarantineLeftMs, id, members } = findingOf(found);
      if (id !== undefined && members !== undefined) this.#identity = { id, members };
      const reading = this.#nodeClock.observe(sentAt, clock.stamp(), Number(nodeUs) / 1_000);
      if (reading === 'stepped') this.distrust('its clock was stepped');
      const isAsBefore = found === 0 && this.state.status === 'ready' && this.#nodeClock.isToldBy(this.state);
      if (!isAsBefore) this.#weigh(quarantineLeftMs);
    }
    return replies;
  }

  /** Draws the conclusion from what the guard said: -1 no marker, else for how long its grants do not count. */
  #weigh(quarantineLeftMs: number): void {
    const { clock } = this.#settings;
    const { runId: serverId } = this.#server;
    const caution = [this.#server.caution, this.#deafness].filter(Boolean).join('; ') || undefined;
    const now = clock.now();
    const about = {
      ...this.#identity,
      ...this.#nodeClock.about,
      ...(serverId === undefined ? {} : { serverId }),
      ...(caution === undefined ? {} : { caution }),
    };
    if (quarantineLeftMs < 0) {
      this.#standing.become({ ...about, status: 'new', reason: 'it is new, or has lost everything' });
      return;
    }
    const { until, reason } = this.#distrusted;
    const leftMs = Math.max(quarantineLeftMs, until - now);
    if (leftMs <= 0) {
      this.#standing.become({ ...about, status: 'ready' });
      return;
    }
    const why = until - now >= quarantineLeftMs ? reason : this.#settings.shard ? SHARD_FORGOT : FORGOT;
    const isNews = this.state.status !== 'untrusted';
    this.#standing.become({ ...about, status: 'untrusted', reason: why, trustedAt: now + leftMs });
    // So that it votes again when its quarantine ends, and not up to a look later.
    if (isNews && !this.#standing.out) this.#lookAgain();
  }

  #failureOf(error: unknown): Failed {
    const message = messageOf(error);
    const answered = error instanceof Error && error.name === 'ReplyError';
    if (message.startsWith('READONLY')) this.#onDemotion();
    // A new error, because the client's own carries the command with its arguments.
    return failed(answered ? 'error' : 'disconnected', new Error(message));
  }

  /** The master has become a replica: the new handshake will tell. */
  #onDemotion(): void {
    this.#connection.disconnect(true);
  }

  /** Before a connection votes: who is there, the script, and what its marker says. */
  async #introduce(): Promise<void> {
    const epoch = ++this.#epoch;
    this.#nextLook?.cancel();
    try {
      const [info, master] = await Promise.all([
        this.#connection.info().catch(() => ''),
        this.#masterRunId(),
        this.#connection.script('LOAD', SCRIPT).catch(() => undefined),
      ]);
      if (epoch !== this.#epoch || this.#standing.out) return;
      this.#server = serverInfoOf(info);
      const unfit = this.#unfitness(master);
      if (unfit !== undefined) this.#standBy(unfit);
      else {
        await this.#run(this.#call([], 0, 'look'));
        this.#lookAgain();
      }
    } catch (error) {
      if (epoch !== this.#epoch) return;
      this.#onError(error);
      if (this.state.status !== 'refused')
        this.#standing.become({ status: 'unreachable', reason: this.#lastError });
      // Not at once: ioredis takes a connection for a good one that let us in, and would be back without a pause, for ever.
      this.#recheckLater();
    }
  }

  /** Looks at the node from time to time, and when its quarantine ends. */
  #lookAgain(): void {
    const { clock } = this.#settings;
    const { trustedAt = Number.POSITIVE_INFINITY } = this.state;
    const delayMs = Math.min(PROBE_MS, Math.max(1, trustedAt - clock.now()));
    this.#nextLook?.cancel();
    this.#nextLook = clock.setTimer(() => void this.#probe(), delayMs, 'background');
  }

  async #probe(): Promise<void> {
    const epoch = this.#epoch;
    const before = this.#server;
    try {
      const [text, master] = await Promise.all([
        before.runId === undefined ? '' : this.#connection.info(),
        this.#masterRunId(),
      ]);
      if (epoch !== this.#epoch || this.#standing.out) return;
      const info = (this.#server = serverInfoOf(text));
      const unfit = this.#unfitness(master);
      if (unfit !== undefined) return this.#standBy(unfit);
      const evicted = info.evictedKeys > before.evictedKeys;
      await this.#run(this.#call([], 0, evicted ? 'distrust' : 'look'));
    } catch {
      // Whoever asks the node for a vote learns what is wrong with it; a look has nothing to add.
    }
    if (epoch === this.#epoch && !this.#standing.out) this.#lookAgain();
  }

  /** Why the server cannot vote as it is, if so. */
  #unfitness(master: string | undefined): string | undefined {
    const { isReplica, isClusterMember, runId } = this.#server;
    if (isReplica) return 'it is a read-only replica';
    if (isClusterMember && this.#settings.shard === undefined)
      return 'it is a server of a Redis Cluster, which is one node as a whole: give { cluster: [{ host, port }] }';
    if (this.#failsOver && runId === undefined)
      return 'its user may not call INFO, without which a failover would go unnoticed, see SECURITY.md';
    if (master !== undefined && master !== runId)
      return 'its sentinels say that another server is the master';
    return undefined;
  }

  #standBy(reason: string): void {
    this.#standing.become({ status: 'refused', reason });
    this.#recheckLater();
  }

  #recheckLater(): void {
    const again = (): void => this.#connection.disconnect(true);
    this.#nextLook = this.#settings.clock.setTimer(again, RECHECK_MS, 'background');
  }

  #onError(error: unknown): void {
    const message = messageOf(error);
    this.#lastError = message;
    const reason = refusalOf(message);
    if (reason !== undefined) this.#standing.become({ status: 'refused', reason });
  }

  #onClose(): void {
    this.#epoch++;
    for (const ear of this.#ears) ear.renew();
    this.#nextLook?.cancel();
    if (this.state.status === 'refused') return;
    this.#standing.become({ status: 'unreachable', reason: this.#lastError });
  }
}

/** The script catches the error of each operation, so it comes in the reply of the operation. */
const isReadOnly = (reply: unknown): boolean =>
  Array.isArray(reply) && Number(reply[0]) === 5 && String(reply[1]).startsWith('READONLY');

const NO_EAR: Ear = { open: false, close: () => undefined };

const LATE = failed('late', new Error('the request was not sent before its deadline'));

/** Whether it is right, or needed, whenever it comes. */
const isForTheRecord = (request: NodeRequest): boolean =>
  request.op === 'release' ||
  request.op === 'wake' ||
  request.op === 'confirm' ||
  (request.op === 'acquire' && request.tick !== undefined);

const deadlineOf = (request: NodeRequest, none = Number.POSITIVE_INFINITY): number =>
  request.op === 'release' || request.op === 'wake' ? none : request.deadlineAt;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
