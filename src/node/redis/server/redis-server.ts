import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../../clock.js';
import { reconnectDelayMs } from '../../../core/backoff.js';
import { failed, type Failed } from '../../../core/vote.js';
import type { NodeMemory, NodeState } from '../../lock-node.js';
import type { NodeSettings } from '../../node-options.js';
import { findingOf, guardWords, repliesIn, scriptCall, type Guard } from '../protocol/batch.js';
import type { Connection } from '../connection/connection.js';
import type { Endpoint } from '../connection/endpoint.js';
import { markerKeyOf } from '../protocol/keys.js';
import { NodeClock } from './node-clock.js';
import { permissionErrorOf } from './permission-errors.js';
import type { MarkerPlace, Operation, ScriptCall } from '../protocol/script-call.js';
import { SCRIPT } from '../protocol/script.js';
import { serverInfoOf, type ServerInfo } from './server-info.js';
import { ObservableState } from '../../observable-state.js';

export interface ServerSettings extends NodeSettings {
  /** Where the server is a shard of a Cluster. */
  readonly shard?: {
    /** Where its marker is now. */
    marker(): string;
  };
}

/** How long a server that cannot vote as it is, such as a replica, is left alone before it is asked again. */
const RECHECK_MS = 5_000;
/** How often a node is looked at without being asked anything, so that a restart or a clock step is seen early. */
const PROBE_MS = 5_000;

const FORGOT = 'it lost its memory: it restarted, or was emptied';
const SHARD_FORGOT =
  'it lost its memory, or took slots over: it restarted, was emptied, promoted or given more';
const CANNOT_SUBSCRIBE =
  'its user may not subscribe to its channel: who waits for a lock asks again and again instead of being told, see SECURITY.md';

/**
 * The server behind a node, or the one that is the master behind sentinels, over a connection of its own: who it is, and
 * whether it may vote. Every call goes by here, because every answer tells something of that.
 */
export class RedisServer implements NodeMemory {
  readonly keyPrefix: string;
  readonly observableState = new ObservableState();
  readonly #endpoint: Endpoint;
  readonly #settings: ServerSettings;
  readonly #usualPlace: MarkerPlace;
  readonly #connection: Connection;
  readonly #nodeClock: NodeClock;
  /** What is not as it should be with hearing what it tells. */
  #cannotSubscribe: string | undefined;
  /** Counts connections, so that what an old one still says is not taken for the present one. */
  #epoch = 0;
  #lastError = 'not connected';
  #info: ServerInfo = serverInfoOf('');
  /** What the guard of every vote is told, as long as the server is the same. */
  #usualGuard: { readonly runId: string; readonly words: string } | undefined;
  #quarantined = { until: 0, reason: '' };
  #nextLook: Timer | undefined;
  /** The node's id, should it have none. */
  readonly #spareId = randomUUID();
  /** What the marker said at the last look. */
  #identity: Pick<NodeState, 'id' | 'members'> = {};

  constructor(
    endpoint: Endpoint,
    settings: ServerSettings,
    /** The connection broke. */
    private readonly onLost: () => void,
  ) {
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.keyPrefix = endpoint.clientPrefix + settings.keyPrefix;
    this.#usualPlace = { marker: markerKeyOf(this.keyPrefix) };
    this.#nodeClock = new NodeClock(settings.driftFactor);
    this.#connection = this.open();
    this.#connection.on('ready', () => void this.#introduce());
    this.#connection.on('close', () => this.#onClose());
    this.#connection.on('error', (error) => this.#onError(error));
    // Its failure arrives as an event as well; there is nothing to add to it here.
    this.#connection.connect().catch(() => undefined);
  }

  get state(): NodeState {
    return this.observableState.state;
  }

  /** Another connection to it, not yet connected. */
  open(): Connection {
    const { random } = this.#settings;
    return this.#endpoint.open((attempt) => reconnectDelayMs(attempt, random()));
  }

  /** Why nothing can be sent to it now, if so. */
  absence(): Failed | undefined {
    const { status, reason = status } = this.state;
    if (status === 'ready' || status === 'untrusted') return undefined;
    return failed(status === 'new' ? 'untrusted' : 'unreachable', new Error(reason));
  }

  /** What a grant of this node counts for, where it counts for nothing. */
  untrustedNow(): Failed | undefined {
    const { status, reason, trustedAt } = this.state;
    // Refused: this very answer has shown that it must not vote.
    if (status !== 'untrusted' && status !== 'misconfigured') return undefined;
    const leftS = Math.ceil(Math.max(0, (trustedAt ?? 0) - this.#settings.clock.now()) / 1_000);
    const again = trustedAt === undefined ? '' : `; it votes again in ${leftS} s`;
    return failed('untrusted', new Error(`${reason}${again}`));
  }

  /** Has it carry out operations whose latest deadline this is; calls back once, with a reply for each, or with what went wrong. */
  ask(
    operations: readonly Operation[],
    latestMs: number,
    answered: (replies: readonly unknown[] | Failed) => void,
  ): void {
    const call = this.#call(operations, this.#nodeClock.aheadUs(latestMs));
    this.#run(call, (error, replies) => answered(replies ?? this.#failureOf(error)));
  }

  look(): Promise<void> {
    return this.#command('look');
  }

  trust(): Promise<void> {
    this.#quarantined = { until: 0, reason: '' };
    return this.#command(this.state.status === 'new' ? 'first use' : 'trust');
  }

  /** The guard of any call writes the missing marker, and with it the beginning of the quarantine. */
  recordLoss(): Promise<void> {
    return this.#command('');
  }

  quarantine(reason: string): void {
    const { quarantineMs, clock } = this.#settings;
    if (quarantineMs === 0) return;
    this.#quarantined = { until: clock.now() + quarantineMs, reason };
    if (this.state.status === 'ready' || this.state.status === 'untrusted') this.#updateTrust(0);
  }

  /** Nobody can hear what it tells. */
  cannotSubscribe(): void {
    this.#cannotSubscribe = CANNOT_SUBSCRIBE;
    if (this.state.status === 'ready') this.#updateTrust(0);
  }

  /**
   * Its marker has another name from now on. It `remembers` all that it knew under the old one: then it is trusted as before,
   * but for its counters, which go on from the time, because what the old marker said of them is not known to the new one.
   * Or it has had that name `before`, and lost it since.
   */
  async rename(memory: 'remembers' | 'before' | 'none'): Promise<void> {
    const { status } = this.state;
    const command =
      memory === 'before' ? 'distrust' : memory === 'remembers' && status === 'ready' ? 'trust' : '';
    if (status !== 'new') await this.#command(command);
    await this.look();
  }

  recordMembers(members: string): Promise<void> {
    return this.#command('members', members);
  }

  leave(state: NodeState): void {
    this.#nextLook?.cancel();
    this.observableState.end(state);
    this.#connection.disconnect();
  }

  /** The master has become a replica: the new handshake will tell. */
  onDemotion(): void {
    this.#connection.disconnect(true);
  }

  async #command(command: Guard['command'], given?: string): Promise<void> {
    try {
      await this.#tell(command, given);
    } catch (error) {
      this.#onError(error);
    }
  }

  /** Runs the guard alone. */
  #tell(command: Guard['command'], given?: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#run(this.#call([], 0, command, given), (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  #call(
    operations: readonly Operation[],
    aheadUs: number,
    command: Guard['command'] = '',
    given: string = this.#spareId,
  ): ScriptCall {
    return scriptCall(this.#place(), this.#guardWords(command, given), aheadUs, operations);
  }

  #place(): MarkerPlace {
    const { shard } = this.#settings;
    return shard === undefined
      ? this.#usualPlace
      : { marker: shard.marker(), elsewhere: this.#usualPlace.marker };
  }

  #guardWords(command: Guard['command'], given: string): string {
    const runId = this.#info.runId ?? '';
    if (command === '' && this.#usualGuard?.runId === runId) return this.#usualGuard.words;
    const { quarantineMs } = this.#settings;
    const words = guardWords({ quarantineMs, runId, durable: this.#endpoint.durable, command, given });
    if (command === '') this.#usualGuard = { runId, words };
    return words;
  }

  #run(
    call: ScriptCall,
    done: (error: Error | undefined, replies: readonly unknown[] | undefined) => void,
  ): void {
    const epoch = this.#epoch;
    const sentAt = this.#settings.clock.stamp();
    const replied = (error: Error | undefined, reply: unknown): void => {
      if (error !== undefined) return done(error, undefined);
      if (!Array.isArray(reply))
        return done(new Error('the node answered with something that is no list'), undefined);
      const [nodeUs, found] = reply as unknown[];
      if (epoch === this.#epoch) this.#learn(sentAt, Number(nodeUs) / 1_000, found);
      done(undefined, repliesIn(reply, 2));
    };
    this.#connection.run(call, (error, reply) => {
      // The server's script cache was emptied (SCRIPT FLUSH). The deadline inside still says until when it may act.
      if (error?.message.startsWith('NOSCRIPT')) this.#connection.runAndLoad(call, replied);
      else replied(error, reply);
    });
  }

  /** What every answer tells: the node's time, and what the guard found. */
  #learn(sentAt: ReturnType<Clock['stamp']>, nodeMs: number, found: unknown): void {
    const { quarantineLeftMs, id, members } = findingOf(found);
    if (id !== undefined && members !== undefined) this.#identity = { id, members };
    const reading = this.#nodeClock.observe(sentAt, this.#settings.clock.stamp(), nodeMs);
    if (reading === 'stepped') this.quarantine('its clock was stepped');
    const isAsBefore = found === 0 && this.state.status === 'ready' && this.#nodeClock.isToldBy(this.state);
    if (!isAsBefore) this.#updateTrust(quarantineLeftMs);
  }

  /** Draws the conclusion from what the guard said: -1 no marker, else for how long its grants do not count. */
  #updateTrust(quarantineLeftMs: number): void {
    const { clock } = this.#settings;
    const { runId: serverId } = this.#info;
    const caution = [this.#info.caution, this.#cannotSubscribe].filter(Boolean).join('; ') || undefined;
    const now = clock.now();
    const about = {
      ...this.#identity,
      ...this.#nodeClock.about,
      ...(serverId === undefined ? {} : { serverId }),
      ...(caution === undefined ? {} : { caution }),
    };
    if (quarantineLeftMs < 0) {
      this.observableState.set({ ...about, status: 'new', reason: 'it is new, or has lost everything' });
      return;
    }
    const { until, reason } = this.#quarantined;
    const leftMs = Math.max(quarantineLeftMs, until - now);
    if (leftMs <= 0) {
      this.observableState.set({ ...about, status: 'ready' });
      return;
    }
    const why = until - now >= quarantineLeftMs ? reason : this.#settings.shard ? SHARD_FORGOT : FORGOT;
    const isNews = this.state.status !== 'untrusted';
    this.observableState.set({ ...about, status: 'untrusted', reason: why, trustedAt: now + leftMs });
    // So that it votes again when its quarantine ends, and not up to a look later.
    if (isNews && !this.observableState.ended) this.#lookAgain();
  }

  #failureOf(error: unknown): Failed {
    const message = messageOf(error);
    const answered = error instanceof Error && error.name === 'ReplyError';
    if (message.startsWith('READONLY')) this.onDemotion();
    // A new error, because the client's own carries the command with its arguments.
    return failed(answered ? 'error' : 'disconnected', new Error(message));
  }

  /** Before a connection votes: who is there, the script, and what its marker says. */
  async #introduce(): Promise<void> {
    const epoch = ++this.#epoch;
    this.#nextLook?.cancel();
    try {
      const [info, master] = await Promise.all([
        this.#connection.info().catch(() => ''),
        this.#endpoint.masterRunId?.(),
        this.#connection.script('LOAD', SCRIPT).catch(() => undefined),
      ]);
      if (epoch !== this.#epoch || this.observableState.ended) return;
      this.#info = serverInfoOf(info);
      const unfit = this.#unfitness(master);
      if (unfit !== undefined) this.#standBy(unfit);
      else {
        await this.#tell('look');
        this.#lookAgain();
      }
    } catch (error) {
      if (epoch !== this.#epoch) return;
      this.#onError(error);
      if (this.state.status !== 'misconfigured')
        this.observableState.set({ status: 'unreachable', reason: this.#lastError });
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
    const before = this.#info;
    try {
      const [text, master] = await Promise.all([
        before.runId === undefined ? '' : this.#connection.info(),
        this.#endpoint.masterRunId?.(),
      ]);
      if (epoch !== this.#epoch || this.observableState.ended) return;
      const info = (this.#info = serverInfoOf(text));
      const unfit = this.#unfitness(master);
      if (unfit !== undefined) return this.#standBy(unfit);
      await this.#tell(info.evictedKeys > before.evictedKeys ? 'distrust' : 'look');
    } catch {
      // Whoever asks the node for a vote learns what is wrong with it; a look has nothing to add.
    }
    if (epoch === this.#epoch && !this.observableState.ended) this.#lookAgain();
  }

  /** Why the server cannot vote as it is, if so. */
  #unfitness(master: string | undefined): string | undefined {
    const { isReplica, isClusterMember, runId } = this.#info;
    if (isReplica) return 'it is a read-only replica';
    if (isClusterMember && this.#settings.shard === undefined)
      return 'it is a server of a Redis Cluster, which is one node as a whole: give { cluster: [{ host, port }] }';
    if (this.#endpoint.failsOver && runId === undefined)
      return 'its user may not call INFO, without which a failover would go unnoticed, see SECURITY.md';
    if (master !== undefined && master !== runId)
      return 'its sentinels say that another server is the master';
    return undefined;
  }

  #standBy(reason: string): void {
    this.observableState.set({ status: 'misconfigured', reason });
    this.#recheckLater();
  }

  #recheckLater(): void {
    const again = (): void => this.#connection.disconnect(true);
    this.#nextLook = this.#settings.clock.setTimer(again, RECHECK_MS, 'background');
  }

  #onError(error: unknown): void {
    const message = messageOf(error);
    this.#lastError = message;
    const reason = permissionErrorOf(message);
    if (reason !== undefined) this.observableState.set({ status: 'misconfigured', reason });
  }

  #onClose(): void {
    this.#epoch++;
    this.onLost();
    this.#nextLook?.cancel();
    if (this.state.status === 'misconfigured') return;
    this.observableState.set({ status: 'unreachable', reason: this.#lastError });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
