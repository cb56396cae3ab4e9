import { randomUUID } from 'node:crypto';
import { writePair } from '../../core/membership/record.js';
import type { RecordWrite } from '../node-memory.js';
import type { NodeRequest } from '../node-request.js';
import type { NodeState } from '../node-state.js';
import type { NodeSettings, PostgresClientLike } from '../node-options.js';
import { findingIn, type Finding, type GuardCommand } from '../server/finding.js';
import { ServerMemory } from '../server/server-memory.js';
import { VotingState } from '../server/voting-state.js';
import { Connections } from './connections.js';
import {
  isDisconnection,
  isMissing,
  isOfValue,
  messageOf,
  misconfigurationOf,
  sqlStateOf,
} from './postgres-errors.js';
import {
  historyQuery,
  inspectionsIn,
  inspectQuery,
  isSeen,
  jsonIn,
  notesIn,
  voteReplyIn,
  type VoteReply,
} from './replies.js';
import { encodeRequest } from './requests.js';
import { factsIn } from './server-facts.js';
import { ServerWatch, WrongIsolation } from './server-watch.js';
import type { PostgresPlace } from './postgres-place.js';
import { quoted } from './sql/migration.js';

const FORGOT =
  'it is new, or may have forgotten locks: a backup was restored, or a standby was promoted, ' +
  'or its marker was changed by hand';

/** The database behind a node: carries out its requests, and the commands to its guard. */
export class PostgresServer extends ServerMemory {
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
  readonly #watch: ServerWatch;

  constructor(place: PostgresPlace, settings: NodeSettings) {
    super();
    this.#place = place;
    this.#settings = settings;
    this.#q = quoted(place.schema);
    this.prefix = settings.keyPrefix;
    this.connections = new Connections(place.source, settings.clock);
    this.voting = new VotingState(settings, { runId: undefined, cautions: [] }, FORGOT, {
      onUntrusted: () => this.#watch.lookAgain(),
      onPutBack: () => void this.command('quarantine'),
    });
    const { connections, voting } = this;
    const look = (): Promise<Finding> => this.tell('look');
    const version = (): Promise<number | undefined> => this.#version();
    this.#watch = new ServerWatch({ place, connections, voting, look, version }, settings);
    if (settings.wanted === undefined) void this.#watch.visit();
    else void settings.wanted.then(() => this.#watch.visit());
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
      this.#watch.retry(error);
    return { wasAnswered: !isDisconnection(state), message };
  }

  /** Whether the other requests of the statement may be carried out. */
  mayBeOfOneRequest(error: unknown): boolean {
    return isOfValue(sqlStateOf(error));
  }

  protected override answerIn(error: unknown): string | undefined {
    const { wasAnswered, message } = this.failureOf(error);
    return wasAnswered ? message : undefined;
  }

  protected override set spareId(id: string) {
    this.#spareId = id;
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
      this.notWritten(error);
    }
    // What came of it, and what somebody else may have written meanwhile.
    await this.look(true);
  }

  leave(state: NodeState): Promise<void> {
    this.#watch.cancel();
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

  async #version(): Promise<number | undefined> {
    const answer = await this.#ask(`select max(version) as answer from ${this.#q}.migration`, []);
    return answer === null ? undefined : Number(answer);
  }

  protected async tell(command: GuardCommand, word = '', replacedId = ''): Promise<Finding> {
    const sentAt = this.#settings.clock.stamp();
    const text = `select ${this.#q}.look_v1($1, $2, $3, $4, $5, $6, $7, $8)::text as answer`;
    const values = [...this.#guard(), command, word, replacedId];
    const { about, finding } = await this.connections.use(async (client) =>
      lookIn(await answerOf(client, text, values)),
    );
    this.#seen = isSeen(about['seen']) ? about['seen'] : '';
    this.voting.info = factsIn(about);
    this.voting.learn(sentAt, finding);
    this.#watch.reached();
    return finding;
  }
}

/** Throws what is wrong with the connection, or with the answer. */
function lookIn(text: unknown): {
  readonly about: Readonly<Record<string, string>>;
  readonly finding: Finding;
} {
  const { about, reply } = (jsonIn(text) ?? {}) as {
    about?: Readonly<Record<string, string>>;
    reply?: unknown;
  };
  const finding = findingIn(reply);
  if (about === undefined || finding === undefined)
    throw new Error('the database answered with something that is no answer');
  if (about['isolation'] !== 'read committed') throw new WrongIsolation(about['isolation'] ?? '');
  return { about, finding };
}

async function answerOf(client: PostgresClientLike, text: string, values: unknown[]): Promise<unknown> {
  const { rows } = await client.query(text, values);
  return (rows[0] as { readonly answer?: unknown } | undefined)?.answer;
}
