import { inspect } from 'node:util';

/** All that a value shows when it is logged, printed or serialised by whatever means, its causes and hidden parts too. */
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
    // What is circular is not serialised by anybody else either.
    return '';
  }
}

/** The stacks of an error and of all its causes. */
function stacksOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const causes = error instanceof AggregateError ? [error.cause, ...error.errors] : [error.cause];
  return [error.stack, error.message, ...causes.map(stacksOf)].join('\n');
}
