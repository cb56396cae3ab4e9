import { inspect } from 'node:util';

/**
 * Everything that a log could show of a value: inspected, printed and serialised, with its causes and hidden
 * properties.
 */
export function shownBy(value: unknown): string {
  const inspected = inspect(value, {
    depth: Infinity,
    showHidden: true,
    getters: true,
    maxStringLength: null,
  });
  return [inspected, inspect(value), String(value), serialised(value), stacksOf(value)].join('\n');
}

function serialised(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    // A circular value cannot be serialised, so nothing can show it this way.
    return '';
  }
}

/** The stacks of an error and of all its causes. */
function stacksOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const causes = error instanceof AggregateError ? [error.cause, ...error.errors] : [error.cause];
  return [error.stack, error.message, ...causes.map(stacksOf)].join('\n');
}
