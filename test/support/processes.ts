import { spawnSync, type ChildProcess } from 'node:child_process';

/** How a child process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const started = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

/**
 * A command prefix with which the kernel kills the child when its parent dies for any reason. Without
 * `setpriv` (outside Linux) children end only when the parent exits in order.
 */
export const dieWithParent: readonly string[] =
  spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0
    ? ['setpriv', '--pdeathsig', 'KILL']
    : [];

/**
 * Settles when the child has ended or could not be started. Until then the exit of this process kills the
 * child.
 */
export function exitOf(child: ChildProcess): Promise<Exit> {
  started.add(child);
  return new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  }).finally(() => started.delete(child));
}
