import { format, types } from 'node:util';

/**
 * What an error says. A connection that fails at several addresses is an error without a message of its own:
 * then the first of its errors says why, and otherwise its name.
 */
export function wordsOf(error: Error): string {
  const { errors } = error as { readonly errors?: unknown };
  const first = Array.isArray(errors) ? (errors[0] as Partial<Error> | null | undefined) : undefined;
  return String(error.message || first?.message || error.name);
}

/** The message of what was thrown. Anything may be thrown, even a value that cannot become a text. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? wordsOf(error) : format('%s', error);
  } catch {
    return 'something that has no text';
  }
}

/**
 * Waits for the promise of a callback that is async, though nobody asked it to be. A rejection that nobody
 * hears would end the process.
 */
export function hearRejection(given: unknown, onFailure: (message: string) => void): void {
  if (types.isPromise(given)) given.catch((error: unknown) => onFailure(messageOf(error)));
}

/** A function for warnings that never throws, nor rejects: a warning must not become a failure. */
export function safeWarn(warn: (message: string) => unknown): (message: string) => void {
  const onFailure = (message: string): void =>
    process.emitWarning(`warn failed: ${message}`, 'QuorlockWarning');
  return (message) => {
    try {
      hearRejection(warn(message), onFailure);
    } catch (error) {
      onFailure(messageOf(error));
    }
  };
}
