import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dieWithParent, exitOf, type Exit } from '../support/processes.js';
import { until } from '../support/until.js';

const program = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url));

/** A running demo, and its output so far. */
export interface Demo {
  readonly child: ChildProcess;
  readonly exit: Promise<Exit>;
  readonly stdout: string;
  readonly stderr: string;
  /** The processes that it has started, from its output. */
  readonly pids: readonly number[];
}

/** Starts the demo like `npm run demo`, without its set-up. */
export function startDemo(...args: string[]): Demo {
  const [command = '', ...rest] = [...dieWithParent, process.execPath, program, ...args];
  // Its own process group, like in a terminal: a signal to the group is the same as Ctrl-C.
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

/** Waits until all processes that the demo started are gone. */
export const allGone = (demo: Demo): Promise<boolean> =>
  until(() => !demo.pids.some(isAlive), { what: `the end of ${demo.pids.join(', ')}` });
