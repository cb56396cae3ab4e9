import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dieWithParent, exitOf, type Exit } from '../support/processes.js';
import { until } from '../support/until.js';

const program = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url));

/** A demo that runs, and what it has written so far. */
export interface Demo {
  readonly child: ChildProcess;
  readonly exit: Promise<Exit>;
  readonly stdout: string;
  readonly stderr: string;
  /** The processes that it said it started. */
  readonly pids: readonly number[];
}

/** Starts the demo as `npm run demo` does, once everything is set up. */
export function startDemo(...args: string[]): Demo {
  const [command = '', ...rest] = [...dieWithParent, process.execPath, program, ...args];
  // Its own group, as in a terminal, so that a signal to the group is what Ctrl-C is.
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const written = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text));
  return {
    child,
    exit: exitOf(child),
    get stdout() {
      return written.stdout;
    },
    get stderr() {
      return written.stderr;
    },
    get pids() {
      return [...written.stdout.matchAll(/\bpid (\d+)/g)].map(([, pid]) => Number(pid));
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until none of the processes that the demo started is left. */
export const allGone = (demo: Demo): Promise<boolean> =>
  until(() => !demo.pids.some(isAlive), { what: `the end of ${demo.pids.join(', ')}` });
