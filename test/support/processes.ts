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
 * Put before a command, it has the kernel kill the child when its parent dies, however that dies. Where there is no
 * `setpriv` (outside Linux) only an orderly exit of the parent ends its children.
 */
export const dieWithParent: readonly string[] =
  spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0
    ? ['setpriv', '--pdeathsig', 'KILL']
    : [];

/** Settles when the child has ended, or could not be started; until then the child is killed when this process exits. */
export function exitOf(child: ChildProcess): Promise<Exit> {
  started.add(child);
  return new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  }).finally(() => started.delete(child));
}
