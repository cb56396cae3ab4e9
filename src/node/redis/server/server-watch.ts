import type { Timer } from '../../../clock.js';
import type { GuardCommand } from '../../server/finding.js';
import type { VotingState } from '../../server/voting-state.js';
import type { Connection } from '../connection/connection.js';
import type { Endpoint } from '../connection/endpoint.js';
import { SCRIPTS } from '../protocol/scripts.js';
import { PERSISTENCE_PARAMETERS, persistenceCaution, persistenceOf, type Reliance } from './persistence.js';
import type { ScriptCalls } from './script-calls.js';
import { permissionErrorOf } from './permission-errors.js';
import { misconfigurationOf, serverInfoOf, type ServerInfo } from './server-info.js';
import type { ServerSettings } from './server-settings.js';

/** After this, a server that cannot vote in its place, such as a replica, is connected to again. */
const RECHECK_MS = 5_000;
/** How often a node is looked at even if nobody asks it, so that a restart or a clock step is seen early. */
const PROBE_MS = 5_000;

/** What the watch needs of its server. */
export interface ServerWatchContext {
  readonly endpoint: Endpoint;
  readonly connection: Connection;
  readonly calls: ScriptCalls;
  readonly voting: VotingState<ServerInfo>;
  /** Runs the guard with a command. */
  readonly tell: (command: GuardCommand) => Promise<unknown>;
  /** Takes note of an error, and gives its message. */
  readonly onError: (error: unknown) => string;
}

/** Finds out who a server is, at each new connection and regularly, and so whether it may vote. */
export class ServerWatch {
  /** What the operator should know of how the server keeps its data. */
  #persistence: string | undefined;
  #nextLook: Timer | undefined;

  constructor(
    private readonly server: ServerWatchContext,
    private readonly settings: ServerSettings,
  ) {}

  /** What comes before a connection's first vote: who is there, the scripts, and what the marker says. */
  async introduce(): Promise<void> {
    const { endpoint, connection, calls, voting, tell, onError } = this.server;
    const epoch = calls.beginEpoch();
    this.cancel();
    try {
      const [info, master, config] = await Promise.all([
        connection.info().catch(() => ''),
        endpoint.masterRunId?.(),
        this.#reliance === 'none'
          ? undefined
          : connection.config(PERSISTENCE_PARAMETERS).catch(() => undefined),
        ...SCRIPTS.map(({ text }) => connection.script('LOAD', text).catch(() => undefined)),
      ]);
      if (epoch !== calls.epoch || voting.ended) return;
      this.#persistence = persistenceCaution(this.#reliance, persistenceOf(info, config));
      voting.info = serverInfoOf(info, this.#persistence);
      const fault = this.#misconfiguration(master);
      if (fault !== undefined) this.#standBy(fault);
      else {
        await tell('look');
        this.lookAgain();
      }
    } catch (error) {
      if (epoch !== calls.epoch) return;
      const reason = onError(error);
      if (voting.state.status !== 'misconfigured') voting.set({ status: 'unreachable', reason });
      // Not at once: the connection was let in, so ioredis would be back without a pause, for ever.
      this.#recheckLater();
    }
  }

  /** Plans the next look: after `PROBE_MS`, or when the quarantine ends. */
  lookAgain(): void {
    const { clock } = this.settings;
    const { trustedAt = Number.POSITIVE_INFINITY } = this.server.voting.state;
    const delayMs = Math.min(PROBE_MS, Math.max(1, trustedAt - clock.now()));
    this.cancel();
    this.#nextLook = clock.setTimer(() => void this.#probe(), delayMs, 'background');
  }

  async #probe(): Promise<void> {
    const { endpoint, connection, calls, voting, tell } = this.server;
    const { epoch } = calls;
    const before = voting.info;
    try {
      const [text, master] = await Promise.all([
        before.runId === undefined ? '' : connection.info(),
        endpoint.masterRunId?.(),
      ]);
      if (epoch !== calls.epoch || voting.ended) return;
      const info = (voting.info = serverInfoOf(text, this.#persistence));
      const fault = this.#misconfiguration(master);
      if (fault !== undefined) return this.#standBy(fault);
      await tell(info.evictedKeys > before.evictedKeys ? 'quarantine' : 'look');
    } catch (error) {
      // A right was taken away. A new handshake finds out which, and says so.
      const isRefused = error instanceof Error && permissionErrorOf(error.message) !== undefined;
      if (isRefused && epoch === calls.epoch && !voting.ended) return connection.disconnect(true);
      // Of anything else the next request for a vote reports what is wrong.
    }
    if (epoch === calls.epoch && !voting.ended) this.lookAgain();
  }

  /** Whether locks rely on it that this server keeps its data. */
  get #reliance(): Reliance {
    if (this.server.endpoint.durable) return 'declared durable';
    return this.settings.lacksQuarantine === true ? 'no quarantine' : 'none';
  }

  #misconfiguration(masterRunId: string | undefined): string | undefined {
    const { failsOver, reconnectsUnseen } = this.server.endpoint;
    if (reconnectsUnseen === true && this.settings.acknowledge !== undefined)
      return 'it is reached by Valkey GLIDE, which cannot tell what its replicas have: leave out acknowledge';
    const isShard = this.settings.shard !== undefined;
    return misconfigurationOf(this.server.voting.info, { failsOver, isShard, masterRunId });
  }

  #standBy(reason: string): void {
    this.server.voting.set({ status: 'misconfigured', reason });
    this.#recheckLater();
  }

  #recheckLater(): void {
    const again = (): void => this.server.connection.disconnect(true);
    // A vote that came meanwhile may have planned one.
    this.cancel();
    this.#nextLook = this.settings.clock.setTimer(again, RECHECK_MS, 'background');
  }

  /** Plans no look any more, until one is planned anew. */
  cancel(): void {
    this.#nextLook?.cancel();
  }
}
