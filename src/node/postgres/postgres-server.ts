import { randomUUID } from 'node:crypto';
import type { Timer } from '../../clock.js';
import { reconnectDelayMs } from '../../core/backoff.js';
import { writePair } from '../../core/membership/record.js';
import type { MemoryReport } from '../../core/quarantine.js';
import type { NodeMemory, NodeRequest, NodeState, RecordWrite } from '../lock-node.js';
import type { NodeSettings, PostgresClientLike } from '../node-options.js';
import { findingIn, type Finding, type GuardCommand } from '../server/finding.js';
import { VotingState, type ServerFacts } from '../server/voting-state.js';
import { Connections } from './connections.js';
import {
  isDisconnection,
  isMissing,
  messageOf,
  misconfigurationOf,
  missingTables,
} from './postgres-errors.js';
import { sqlStateOf } from './postgres-errors.js';
import { encodeRequest, historyQuery, inspectionsIn, inspectQuery, jsonIn, notesIn } from './requests.js';
import { voteReplyIn } from './requests.js';
import type { VoteReply } from './requests.js';
import { postgresMigration, quoted } from './sql/migration.js';

/** How often the database is looked at even if nobody asks it. */
const PROBE_MS = 5_000;
/** How often it is looked at while it cannot vote because of its configuration. */
const RECHECK_MS = 2_000;

const FORGOT = 'it may have forgotten locks: a backup was restored, or a standby was promoted';

/** A source of a node, after it was read and checked. */
export interface PostgresPlace {
  readonly name: string;
  readonly address: string;
  readonly source: object;
  readonly schema: string;
  readonly migrate: boolean;
  readonly durable: boolean;
  readonly secrets: readonly string[];
}

/** The database behind a node: who it is, whether its tables are there, and whether it may vote. */
export class PostgresServer implements NodeMemory {
  readonly voting: VotingState;
  readonly connections: Connections;
  readonly prefix: string;
  readonly #place: PostgresPlace;
  readonly #settings: NodeSettings;
  /** The schema, as SQL has it. */
  readonly #q: string;
  #spareId: string = randomUUID();
  /** What the latest reply told of the cluster behind it: an older copy of it is noticed by that. */
  #seen = '';
  #nextLook: Timer | undefined;
  /** How often in a row it could not be reached. */
  #failures = 0;

  constructor(place: PostgresPlace, settings: NodeSettings) {
    this.#place = place;
    this.#settings = settings;
    this.#q = quoted(place.schema);
    this.prefix = settings.keyPrefix;
    this.connections = new Connections(place.source, settings.clock);
    this.voting = new VotingState(settings, { runId: undefined, caution: undefined }, FORGOT, {
      onUntrusted: () => this.#lookAgain(),
      onPutBack: () => void this.#command('quarantine'),
    });
    if (settings.wanted === undefined) void this.#visit();
    else void settings.wanted.then(() => this.#visit());
  }

  get state(): NodeState {
    return this.voting.state;
  }

  /** Carries out requests in one statement. Throws what went wrong, as `failureOf` reads it. */
  async vote(requests: readonly NodeRequest[]): Promise<VoteReply> {
    const sentAt = this.#settings.clock.stamp();
    const encoded = requests.map((request) => encodeRequest(request, (ms) => this.#toServerUs(ms)));
    const text = await this.#ask(`select ${this.#q}.vote_v1($1, $2, $3, $4, $5, $6::jsonb)::text as answer`, [
      ...this.#guard(),
      JSON.stringify(encoded),
    ]);
    const reply = voteReplyIn(text, requests);
    if (reply === undefined) throw new Error('the database answered with something that is no answer');
    this.#seen = reply.seen;
    this.voting.learn(sentAt, reply.finding);
    return reply;
  }

  async inspect(resources: readonly string[]): Promise<ReturnType<typeof inspectionsIn>> {
    const text = await this.#ask(inspectQuery(this.#q), [this.prefix, [...resources]]);
    return inspectionsIn(text, resources);
  }

  async history(resource: string): Promise<readonly string[]> {
    return notesIn(await this.#ask(historyQuery(this.#q), [this.prefix, resource]));
  }

  /** What went wrong, for a vote and for people. The state follows from it. */
  failureOf(error: unknown): { readonly wasAnswered: boolean; readonly message: string } {
    const state = sqlStateOf(error);
    const message = messageOf(error, this.#place.secrets);
    if (isDisconnection(state) || isMissing(state) || misconfigurationOf(error, '') !== undefined)
      this.#later(error);
    return { wasAnswered: !isDisconnection(state), message };
  }

  async look(isUsed = false): Promise<MemoryReport | undefined> {
    try {
      return this.voting.report(await this.#tell(isUsed ? 'mark' : 'look'));
    } catch (error) {
      this.failureOf(error);
      return undefined;
    }
  }

  trust(): Promise<void> {
    this.voting.endQuarantine();
    return this.#command(this.state.status === 'new' ? 'first use' : 'trust');
  }

  recordLoss(): Promise<void> {
    return this.#command('mark');
  }

  quarantine(reason: string): void {
    this.voting.quarantine(reason);
  }

  identify(id: string, replacedId?: string): Promise<void> {
    this.#spareId = id;
    return replacedId === undefined ? Promise.resolve() : this.#command('identify', id, replacedId);
  }

  async writeRecord(write: RecordWrite, waitMs: number, deadlineAt: number): Promise<void> {
    const { outstanding, memory, sequence, list, previous, votesIn } = write;
    const isKnown = outstanding === 'own votes' && this.voting.canTellLeases;
    const wait = outstanding === 'nothing' ? -1 : isKnown ? 0 : Math.ceil(waitMs);
    const cur = votesIn.list ? list.id : '';
    const prev = votesIn.previous && previous !== undefined ? previous.id : '';
    try {
      await this.#ask(
        `select ${this.#q}.record_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) as answer`,
        [
          ...this.#guard(),
          this.#toServerUs(deadlineAt),
          memory,
          sequence,
          cur,
          prev,
          writePair({ list, previous }),
          wait,
        ],
      );
    } catch (error) {
      this.failureOf(error);
    }
    // What came of it, and what somebody else may have written meanwhile.
    await this.look(true);
  }

  leave(state: NodeState): Promise<void> {
    this.#nextLook?.cancel();
    this.voting.end(state);
    return this.connections.close();
  }

  #guard(): unknown[] {
    return [this.prefix, this.#settings.quarantine.ms, this.#place.durable, this.#spareId, this.#seen];
  }

  /** An instant of the caller's monotonic clock by the server's clock, in µs. Never later than asked for. */
  #toServerUs(callerMs: number): number {
    const ms = Math.floor(callerMs);
    return ms * 1_000 + this.voting.nodeClock.aheadUs(ms);
  }

  #ask(text: string, values: unknown[]): Promise<unknown> {
    return this.connections.use((client) => answerOf(client, text, values));
  }

  async #command(command: GuardCommand, word?: string, replacedId?: string): Promise<void> {
    try {
      await this.#tell(command, word, replacedId);
    } catch (error) {
      this.failureOf(error);
    }
  }

  async #tell(command: GuardCommand, word = '', replacedId = ''): Promise<Finding> {
    const sentAt = this.#settings.clock.stamp();
    const text = await this.#ask(
      `select ${this.#q}.look_v1($1, $2, $3, $4, $5, $6, $7, $8)::text as answer`,
      [...this.#guard(), command, word, replacedId],
    );
    const { about, reply } = (jsonIn(text) ?? {}) as {
      about?: Readonly<Record<string, string>>;
      reply?: unknown;
    };
    const finding = findingIn(reply);
    if (about === undefined || finding === undefined)
      throw new Error('the database answered with something that is no answer');
    if (about['isolation'] !== 'read committed') throw new WrongIsolation(about['isolation'] ?? '');
    this.#seen = about['seen'] ?? '';
    this.voting.info = factsIn(about);
    this.voting.learn(sentAt, finding);
    this.#failures = 0;
    return finding;
  }

  /** Looks at the database, and plans the next look. */
  async #visit(): Promise<void> {
    this.#nextLook?.cancel();
    try {
      await this.#tell('look').catch((error: unknown) => this.#migrate(error));
      if (!this.voting.ended) this.#lookAgain();
    } catch (error) {
      this.#later(error);
    }
  }

  /** Makes the tables if they are missing and may be made. Throws the error otherwise. */
  async #migrate(error: unknown): Promise<void> {
    if (!isMissing(sqlStateOf(error)) || !this.#place.migrate) throw error;
    await this.connections.use((client) => client.query(postgresMigration(this.#place)));
    await this.#tell('look');
  }

  /** Plans the next look: after `PROBE_MS`, or when the quarantine ends. */
  #lookAgain(): void {
    const { trustedAt = Number.POSITIVE_INFINITY } = this.state;
    this.#visitIn(Math.min(PROBE_MS, Math.max(1, trustedAt - this.#settings.clock.now())));
  }

  #visitIn(delayMs: number): void {
    this.#nextLook?.cancel();
    this.#nextLook = this.#settings.clock.setTimer(() => void this.#visit(), delayMs, 'background');
  }

  /** It cannot vote now. The state says why, and it is looked at again. */
  #later(error: unknown): void {
    if (this.voting.ended) return;
    const { schema, secrets } = this.#place;
    const state = sqlStateOf(error);
    const reason = error instanceof WrongIsolation ? error.message : misconfigurationOf(error, schema);
    if (isMissing(state)) void this.#nameVersion(error);
    else if (reason !== undefined) this.voting.set({ status: 'misconfigured', reason });
    else this.voting.set({ status: 'unreachable', reason: messageOf(error, secrets) });
    const isMisconfigured = reason !== undefined || isMissing(state);
    const { random } = this.#settings;
    this.#visitIn(isMisconfigured ? RECHECK_MS : reconnectDelayMs(++this.#failures, random()));
  }

  /** The functions are missing: are there no tables, or older ones? */
  async #nameVersion(error: unknown): Promise<void> {
    let version: number | undefined;
    try {
      const answer = await this.#ask(`select max(version) as answer from ${this.#q}.migration`, []);
      version = answer === null ? undefined : Number(answer);
    } catch {
      // No table, or no right to read it.
    }
    if (this.voting.ended || this.state.status === 'ready') return;
    const { schema, secrets } = this.#place;
    const what = missingTables(schema, version);
    this.voting.set({ status: 'misconfigured', reason: `${what} (${messageOf(error, secrets)})` });
  }
}

class WrongIsolation extends Error {
  constructor(level: string) {
    super(`its connections use the isolation level "${level}", and quorlock needs "read committed"`);
  }
}

async function answerOf(client: PostgresClientLike, text: string, values: unknown[]): Promise<unknown> {
  const { rows } = await client.query(text, values);
  return (rows[0] as { readonly answer?: unknown } | undefined)?.answer;
}

const NO_IDENTIFIER =
  'its role may not call pg_control_system(): a backup that was restored into another cluster, and the ' +
  'same server under two names, go unnoticed';
const NO_FSYNC = 'fsync is off: a restart counts as a loss of its memory';

/** The run of a server names its cluster and its timeline; then its table, and what else has one memory. */
function factsIn({ run = '', fsync }: Readonly<Record<string, string>>): ServerFacts {
  const [cluster, timeline, , start = ''] = run.split('/');
  const caution = [cluster === '' ? NO_IDENTIFIER : undefined, fsync === 'off' ? NO_FSYNC : undefined]
    .filter(Boolean)
    .join('; ');
  return {
    runId: cluster === '' ? undefined : `${cluster}/${timeline}${start === '' ? '' : `/${start}`}`,
    caution: caution === '' ? undefined : caution,
  };
}
