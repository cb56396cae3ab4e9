import { format, types } from 'node:util';

/** The message of what was thrown. Anything may be thrown, even a value that cannot become a text. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message) : format('%s', error);
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
