import { connectionClosed, ResourceLockedError } from './errors.js';
import type { Client } from './execution.js';
import { LONGEST_ANSWER_MS } from './settings.js';
import type { Script } from './scripts.js';
import type { Answer } from './engine.js';
import { ClientVotes, type OnAgainst } from './votes.js';

/** A lock that is known by its value only: it was acquired elsewhere, or its object was made anew. */
interface ForeignLock {
  readonly resources: readonly string[];
  readonly value: string;
}

/** Runs a script for the lock on all clients, once. Resolves when a majority is certain, or cannot be. */
export async function runForForeign(
  clients: readonly Client[],
  script: Script,
  { resources, value }: ForeignLock,
  args: readonly (string | number)[],
  onError: OnAgainst,
): Promise<Answer> {
  const round = new ClientVotes(clients, onError);
  const timer = setTimeout(
    () => round.end(new Error(`no answer within ${LONGEST_ANSWER_MS} ms`)),
    LONGEST_ANSWER_MS,
  );
  const won = new Promise<void>((resolve) => {
    for (const client of clients) {
      void vote(client, script, resources, [value, ...args]).then((error) => {
        round.take(client, error);
        if (round.isWon) resolve();
      });
    }
  });
  void round.complete.then(() => clearTimeout(timer));
  await Promise.race([won, round.complete]);
  return { isWon: round.isWon, stats: round.complete };
}

/** The vote of one client: `undefined` if it carried the script out. */
async function vote(
  client: Client,
  { value }: Script,
  resources: readonly string[],
  args: readonly (string | number)[],
): Promise<Error | undefined> {
  if (client.status === 'end') return connectionClosed();
  try {
    const applied = Number(await client.eval(value, resources.length, ...resources, ...args));
    if (applied === resources.length) return undefined;
    return new ResourceLockedError(
      `The operation was applied to: ${applied} of the ${resources.length} requested resources.`,
    );
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
