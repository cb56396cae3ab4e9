import type { Command, ScriptCall } from '../protocol/script-call.js';
import { wordsOf } from './call-words.js';
import { SILENCE_MS, type Connection, type RetryDelay } from './connection.js';
import { told } from './credentials.js';
import { SessionConnection } from './session-connection.js';
import type { OpenSession, Session, SessionAttempt } from './session.js';

/** A client of a server, as `GlideClient.createClient()` makes it. */
interface Client {
  customCommand(words: readonly string[], options: { readonly decoder: number }): Promise<unknown>;
  subscribe(channels: Iterable<string>, timeoutMs: number): Promise<unknown>;
  getPubSubMessage(): Promise<{ readonly message: unknown }>;
  close(): void;
}

/** GLIDE's `Decoder.String`. */
const AS_TEXT = { decoder: 1 };

/** What a client of GLIDE has, of one server or of a Cluster. */
const HAS = ['customCommand', 'subscribe', 'getPubSubMessage', 'select', 'close'] as const;

/** What only a client of a Cluster has: channels of a shard. */
const OF_CLUSTER = 'ssubscribe';

/**
 * A connection by clients that the function makes, one after the other. GLIDE connects again without telling,
 * and sends what was unanswered again. So each call asks the server by itself which run it is in, and a
 * client that failed to give an answer is not used any more.
 */
export function openGlide(make: () => unknown, retryDelayMs: RetryDelay): Connection {
  const open: OpenSession = async (attempt) => new GlideSession(await made(make, attempt.signal), attempt);
  return new SessionConnection(open, { secrets: [], tls: false }, retryDelayMs);
}

class GlideSession implements Session {
  constructor(
    private readonly client: Client,
    private readonly attempt: SessionAttempt,
  ) {}

  send(command: Command, call: ScriptCall): Promise<unknown> {
    return this.call(wordsOf(call, command));
  }

  async call(words: readonly string[]): Promise<unknown> {
    // It would be sent on the connection of today, which may not be the one of the write.
    if (words[0] === 'WAIT') throw new Error('GLIDE cannot tell what replicas have of a connection');
    try {
      return await this.client.customCommand(words, AS_TEXT);
    } catch (error) {
      const reply = replyIn(error);
      if (reply === undefined) this.attempt.lost(error);
      throw reply ?? error;
    }
  }

  async subscribe(channel: string, onMessage: (message: string) => void): Promise<unknown> {
    try {
      await this.client.subscribe([channel], SILENCE_MS);
    } catch (error) {
      throw replyIn(error) ?? error;
    }
    void this.#listen(onMessage);
    return undefined;
  }

  end(): void {
    close(this.client);
  }

  /** Until the client is closed. */
  async #listen(onMessage: (message: string) => void): Promise<void> {
    try {
      for (;;) onMessage(String((await this.client.getPubSubMessage()).message));
    } catch (error) {
      this.attempt.lost(error);
    }
  }
}

/** A client, unless the connection is ended meanwhile. A client that comes too late is closed. */
async function made(make: () => unknown, signal: AbortSignal): Promise<Client> {
  let isAwaited = true;
  const making = Promise.resolve().then(make);
  making.then(
    (late) => isAwaited || close(late),
    () => undefined,
  );
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the connection was ended')), { once: true });
  });
  try {
    return checked(await told('the function glide', () => Promise.race([making, ended])));
  } catch (error) {
    throw replyIn((error as Error).cause) ?? error;
  } finally {
    isAwaited = false;
  }
}

function checked(client: unknown): Client {
  const parts = (typeof client === 'object' && client !== null ? client : {}) as Record<string, unknown>;
  const isOfGlide = HAS.every((part) => typeof parts[part] === 'function');
  const isOfCluster = isOfGlide && typeof parts[OF_CLUSTER] === 'function';
  if (isOfGlide && !isOfCluster) return client as Client;
  close(client);
  if (isOfCluster)
    throw new TypeError(
      'the function glide made a GlideClusterClient, not supported: give { cluster: [{ host, port }] }',
    );
  throw new TypeError('the function glide made no client of one server by Valkey GLIDE 2.5 or later');
}

/** A client that is closed already may throw, and what is no client has nothing to close. */
function close(client: unknown): void {
  try {
    (client as Client).close();
  } catch {
    // There is nothing left to end.
  }
}

/** What the server answered, in its own words; GLIDE has names of its own for the most common ones. */
function replyIn(error: unknown): Error | undefined {
  const message = error instanceof Error ? error.message : '';
  const found = ANSWER.exec(message);
  if (found === null) return undefined;
  const [, name = '', text = ''] = found;
  return new Error(`${WORDS[name] ?? name} ${text}`);
}

/** What GLIDE makes of an error of the server, for a call and for a connection. */
const ANSWER = /(?:An error was signalled by the server: - |Received error for address \S+: )(\w+): (.*)/;

const WORDS: Readonly<Record<string, string>> = {
  ResponseError: 'ERR',
  NoScriptError: 'NOSCRIPT',
  ReadOnly: 'READONLY',
  BusyLoadingError: 'LOADING',
  MasterDown: 'MASTERDOWN',
  ClusterDown: 'CLUSTERDOWN',
  PermissionDenied: 'NOPERM',
};
