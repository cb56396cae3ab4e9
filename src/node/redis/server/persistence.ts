/** What a server says of how it keeps its data, as far as it says so. */
export interface Persistence {
  /** Whether it has an append-only file; `undefined`: it does not say. */
  readonly appendOnly: boolean | undefined;
  /** When that is written to disk: `always`, `everysec` or `no`. */
  readonly appendFsync: string | undefined;
}

/** The parameters that `CONFIG GET` is asked for. */
export const PERSISTENCE_PARAMETERS = 'append*';

/**
 * Reads the text of INFO, and the reply to `CONFIG GET`, which has a shape of its own in each protocol and
 * library; `undefined`: the server did not answer it, as the user may not ask, or a service forbids it.
 */
export function persistenceOf(info: string, config: unknown): Persistence {
  const told = pairsIn(config);
  const appendOnly = told.get('appendonly') ?? ENABLED[/^aof_enabled:([01])/m.exec(info)?.[1] ?? ''];
  return {
    appendOnly: appendOnly === undefined ? undefined : appendOnly === 'yes',
    appendFsync: told.get('appendfsync'),
  };
}

const ENABLED: Readonly<Record<string, string>> = { 0: 'no', 1: 'yes' };

function pairsIn(config: unknown): ReadonlyMap<string, string> {
  if (config instanceof Map)
    return new Map([...config].map(([name, value]) => [String(name), String(value)]));
  if (typeof config !== 'object' || config === null) return new Map();
  if (!Array.isArray(config)) return pairsIn(new Map(Object.entries(config)));
  const words: readonly unknown[] = config.flat();
  return new Map(
    words.flatMap((name, at) => (at % 2 === 0 ? [[String(name), String(words[at + 1])] as const] : [])),
  );
}

/** Why it matters whether the server keeps its data. */
export type Reliance =
  /** The operator said that it keeps every write. */
  | 'declared durable'
  /** There are too few nodes for a quarantine, so nothing makes up for what it forgets. */
  | 'no quarantine'
  /** It does not matter: what it forgot has no vote. */
  | 'none';

/** What the operator should know; `undefined`: all is well, or the server does not say. */
export function persistenceCaution(
  reliance: Reliance,
  { appendOnly, appendFsync }: Persistence,
): string | undefined {
  if (reliance === 'none') return undefined;
  const why =
    reliance === 'declared durable'
      ? 'though it is declared durable'
      : 'and with fewer than three nodes no quarantine makes up for that';
  if (appendOnly === false)
    return (
      `it forgets locks when it restarts (appendonly is no), ${why}: ` +
      'set appendonly yes and appendfsync always'
    );
  if (appendFsync !== undefined && appendFsync !== 'always')
    return (
      `it may forget the latest locks in a crash (appendfsync is ${appendFsync}), ${why}: ` +
      'set appendfsync always'
    );
  return undefined;
}
