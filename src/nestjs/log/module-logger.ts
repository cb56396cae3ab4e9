import { format } from 'node:util';
import { Logger } from '@nestjs/common';

/** The least level of the lines that a module logs; `'none'`: it logs nothing. */
export type LockLogLevel = 'debug' | 'log' | 'warn' | 'error' | 'none';

/** All levels, from the least. */
export const LOG_LEVELS: readonly LockLogLevel[] = ['debug', 'log', 'warn', 'error', 'none'];

/** Nest's logger, as far as it is used here. */
export interface LineLogger {
  debug(line: string): void;
  log(line: string): void;
  warn(line: string): void;
  error(line: string): void;
}

/**
 * Nest's logger for a context, without the lines below a level. What is left still passes the levels of the
 * application's own logger. If that throws, the line is a warning of the process: a line that cannot be
 * written must not keep a job from running, nor end the process.
 */
export function loggerOf(context: string, least: LockLogLevel = 'debug'): LineLogger {
  const logger = new Logger(context);
  const at = (level: Exclude<LockLogLevel, 'none'>): ((line: string) => void) =>
    LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)
      ? () => undefined
      : (line) => written(line, () => logger[level](line));
  return { debug: at('debug'), log: at('log'), warn: at('warn'), error: at('error') };
}

function written(line: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const why = error instanceof Error ? error.message : format('%s', error);
    process.emitWarning(`the logger failed (${why}) at the line: ${line}`, 'QuorlockWarning');
  }
}
