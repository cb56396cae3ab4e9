import type { Keyspace } from '../keyspace.js';

/** The number in a word; an empty word has none. */
export const numberIn = (word: string | undefined): number | undefined =>
  word === undefined || word === '' ? undefined : Number(word);

export function setFields(
  keyspace: Keyspace,
  key: string,
  fields: Readonly<Record<string, string | number>>,
): void {
  for (const [name, value] of Object.entries(fields)) keyspace.setField(key, name, String(value));
}

/** What an act throws. */
export function errorOf(act: () => void): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return error;
  }
}
