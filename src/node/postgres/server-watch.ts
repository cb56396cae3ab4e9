import type { Timer } from '../../clock.js';
import { reconnectDelayMs } from '../../core/backoff.js';
import type { NodeSettings } from '../node-options.js';
import type { VotingState } from '../server/voting-state.js';
import type { Connections } from './connections.js';
import { isMissing, messageOf, misconfigurationOf, missingTables, sqlStateOf } from './postgres-errors.js';
import type { PostgresPlace } from './postgres-place.js';
import { postgresMigration } from './sql/migration.js';

/** How often the database is looked at even if nobody asks it. */
const PROBE_MS = 5_000;
/** How often it is looked at while it cannot vote because of its configuration. */
const RECHECK_MS = 2_000;

/** What the watch needs of its server. */
export interface ServerWatchContext {
  readonly place: PostgresPlace;
  readonly connections: Connections;
  readonly voting: VotingState;
  /** Looks at what the database remembers. Rejects with what went wrong. */
  readonly look: () => Promise<unknown>;
  /** The version of the tables; `undefined`: there is none. */
  readonly version: () => Promise<number | undefined>;
}

/** Looks at a database regularly: whether it can be reached, has its tables, and may vote. */
export class ServerWatch {
  #nextLook: Timer | undefined;
  /** How often in a row it could not be reached. */
  #failures = 0;
  /** How often it was reached. */
  #reached = 0;

  constructor(
    private readonly server: ServerWatchContext,
    private readonly settings: NodeSettings,
  ) {}

  /** Looks at the database, and plans the next look. */
  async visit(): Promise<void> {
    this.#nextLook?.cancel();
    try {
      await this.server.look().catch((error: unknown) => this.#migrate(error));
      if (!this.server.voting.ended) this.lookAgain();
    } catch (error) {
      this.retry(error);
    }
  }

  /** Makes the tables if they are missing and may be made. Throws the error otherwise. */
  async #migrate(error: unknown): Promise<void> {
    if (!isMissing(sqlStateOf(error)) || !this.server.place.migrate) throw error;
    await this.server.connections.use((client) => client.query(postgresMigration(this.server.place)));
    await this.server.look();
  }

  /** Plans the next look: after `PROBE_MS`, or when the quarantine ends. */
  lookAgain(): void {
    const { trustedAt = Number.POSITIVE_INFINITY } = this.server.voting.state;
    this.#visitIn(Math.min(PROBE_MS, Math.max(1, trustedAt - this.settings.clock.now())));
  }

  #visitIn(delayMs: number): void {
    this.#nextLook?.cancel();
    this.#nextLook = this.settings.clock.setTimer(() => void this.visit(), delayMs, 'background');
  }

  /** It cannot vote now. The state says why, and it is looked at again. */
  retry(error: unknown): void {
    if (this.server.voting.ended) return;
    const { schema, secrets } = this.server.place;
    const state = sqlStateOf(error);
    const reason = error instanceof WrongIsolation ? error.message : misconfigurationOf(error, schema);
    if (isMissing(state)) void this.#nameVersion(error);
    else if (reason !== undefined) this.server.voting.set({ status: 'misconfigured', reason });
    else this.server.voting.set({ status: 'unreachable', reason: messageOf(error, secrets) });
    const isMisconfigured = reason !== undefined || isMissing(state);
    const { random } = this.settings;
    this.#visitIn(isMisconfigured ? RECHECK_MS : reconnectDelayMs(++this.#failures, random()));
  }

  /** The functions are missing: are there no tables, or older ones? */
  async #nameVersion(error: unknown): Promise<void> {
    const reached = this.#reached;
    let version: number | undefined;
    try {
      version = await this.server.version();
    } catch {
      // No table, or no right to read it.
    }
    // Another statement has found them meanwhile.
    if (this.server.voting.ended || this.#reached !== reached) return;
    const { schema, secrets } = this.server.place;
    const what = missingTables(schema, version);
    this.server.voting.set({ status: 'misconfigured', reason: `${what} (${messageOf(error, secrets)})` });
  }

  /** The database was reached. */
  reached(): void {
    this.#reached++;
    this.#failures = 0;
  }

  /** Plans no look any more. */
  cancel(): void {
    this.#nextLook?.cancel();
  }
}

/** The connections of the pool work at a level at which the functions cannot do their work. */
export class WrongIsolation extends Error {
  constructor(level: string) {
    super(`its connections use the isolation level "${level}", and quorlock needs "read committed"`);
  }
}
