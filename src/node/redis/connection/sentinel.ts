/** A master that sentinels watch, as far as options tell. */
export interface SentinelGroup {
  readonly name: string;
  readonly address: string;
}

const isPrintable = (text: unknown): text is string =>
  typeof text === 'string' && /^[\x21-\x7e]{1,64}$/.test(text) && !/[@/]/.test(text);

/** Options with sentinels, which may all be wrong. */
interface GroupOptions {
  readonly sentinels?: unknown;
  readonly name?: unknown;
  readonly role?: unknown;
}

/**
 * Reads the group of options with sentinels; `undefined` where there are none. The node is named after the
 * group and the first of its sentinels, because independent deployments nearly all call their group
 * `mymaster`. `list` is what the library calls the sentinels.
 */
export function sentinelGroupOf(
  { sentinels, name: group, role }: GroupOptions,
  where: string,
  list = 'sentinels',
): SentinelGroup | undefined {
  if (sentinels === undefined || sentinels === null) return undefined;
  if (!Array.isArray(sentinels) || sentinels.length === 0) {
    throw new TypeError(`${where}: ${list} must be a list of { host, port }, at least one`);
  }
  if (!isPrintable(group)) {
    throw new RangeError(
      `${where}: name must be the group of the master that its sentinels watch, ` +
        '1 to 64 printable ASCII characters without spaces, / and @',
    );
  }
  if (role !== undefined && role !== 'master') {
    throw new RangeError(`${where}: role must be master: a replica cannot vote`);
  }
  // Sorted, because addresses are compared and clients may list the sentinels in any order.
  const at = sentinels.map((sentinel: unknown) => addressOf(sentinel, where)).sort();
  return { name: `${group}@${at[0]!}`, address: `sentinel:${group}@${at.join(',')}` };
}

function addressOf(sentinel: unknown, where: string): string {
  if (typeof sentinel !== 'object' || sentinel === null) {
    throw new TypeError(`${where}: a sentinel must be an object { host, port }`);
  }
  const { host = '127.0.0.1', port = 26_379 } = sentinel as { host?: unknown; port?: unknown };
  if (typeof host !== 'string' || !/^[\p{L}\p{N}_.:%-]+$/u.test(host)) {
    throw new RangeError(`${where}: the host of a sentinel must be a name or an IP address, without port`);
  }
  if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new RangeError(`${where}: the port of a sentinel must be an integer from 1 to 65535`);
  }
  return `${host}:${Number(port)}`;
}

/** What a sentinel says of the master. */
interface SentinelWord {
  readonly epoch: number;
  readonly runId: string;
  readonly host: string;
  readonly port: number;
}

/** Gives the answer of a sentinel to SENTINEL MASTER. Rejects where there is none. Never hangs. */
export type AskSentinel<Sentinel> = (sentinel: Sentinel) => Promise<unknown>;

/**
 * The run id of the server that is the master by the latest word of the sentinels that answer. `undefined`
 * where none of them knows.
 */
export async function masterRunIdOf<Sentinel>(
  sentinels: readonly Sentinel[],
  ask: AskSentinel<Sentinel>,
): Promise<string | undefined> {
  const { latest } = await wordsOf(sentinels, ask);
  // After a failover it takes the sentinels up to ten seconds to learn the run id of the new master.
  return latest.find(({ runId }) => runId !== '')?.runId;
}

/** The address of the master, by the latest word. Rejects if no sentinel names one. */
export async function masterAddressOf<Sentinel>(
  sentinels: readonly Sentinel[],
  ask: AskSentinel<Sentinel>,
): Promise<{ readonly host: string; readonly port: number }> {
  const { latest, failure } = await wordsOf(sentinels, ask);
  const [word] = latest;
  if (word !== undefined) return { host: word.host, port: word.port };
  const why = failure instanceof Error ? `: ${failure.message}` : '';
  throw new Error(`none of the sentinels named a master${why}`);
}

/**
 * The words with the highest epoch: a sentinel that is cut off from the others still names the old master.
 */
async function wordsOf<Sentinel>(
  sentinels: readonly Sentinel[],
  ask: AskSentinel<Sentinel>,
): Promise<{ readonly latest: readonly SentinelWord[]; readonly failure: unknown }> {
  const answers = await Promise.allSettled(sentinels.map(ask));
  const words = answers.flatMap((answer) => (answer.status === 'fulfilled' ? wordIn(answer.value) : []));
  const failures = answers.flatMap((answer): unknown[] =>
    answer.status === 'rejected' ? [answer.reason] : [],
  );
  const epoch = Math.max(...words.map((word) => word.epoch));
  return { latest: words.filter((word) => word.epoch === epoch), failure: failures.at(-1) };
}

function wordIn(facts: unknown): SentinelWord[] {
  if (!Array.isArray(facts)) return [];
  const fact = (name: string): string => String(facts[facts.indexOf(name) + 1]);
  return [
    {
      epoch: Number(fact('config-epoch')),
      runId: fact('runid'),
      host: fact('ip'),
      port: Number(fact('port')),
    },
  ];
}
