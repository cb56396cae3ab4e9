/** A worker process, seen from the benchmark. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dieWithParent, exitOf } from '../../test/support/processes.js';
import type { Address, OpenOptions } from './adapter.js';
import type { Subject } from './subjects.js';
import type { Answer, Task } from './tasks.js';
import type { Opening } from './worker.js';

const preload = new URL('../../test/support/child-preload.mjs', import.meta.url).href;
const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
const OPEN_TIMEOUT_MS = 15_000;

export interface BenchChild {
  /** Rejects when the worker fails, ends, or has not answered after `timeoutMs`. */
  ask(task: Task, timeoutMs: number): Promise<Answer>;
  kill(): Promise<void>;
}

/** Starts a worker that has opened `subject` on the nodes. It ends with this process. */
export async function openChild(
  subject: Subject,
  nodes: readonly Address[],
  {
    quorlock,
    isShared,
    warmCycles,
  }: Pick<OpenOptions, 'quorlock' | 'isShared'> & { readonly warmCycles: number },
): Promise<BenchChild> {
  const [execPath = '', ...execArgv] = [...dieWithParent, process.execPath, '--import', preload];
  const child = fork(worker, [], { execPath, execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const exit = exitOf(child);
  let written = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (written = (written + text).slice(-500)));
  const ask = async (message: Opening | Task, timeoutMs: number): Promise<Answer> => {
    const answer = await new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no answer within ${Math.round(timeoutMs / 1_000)} s`)),
        timeoutMs,
      );
      const stopTimer = (): void => clearTimeout(timer);
      child.once('message', (value) => {
        stopTimer();
        resolve(value as Answer);
      });
      exit.then(
        () => {
          stopTimer();
          reject(new Error(`the process ended: ${written.trim()}`));
        },
        (error: unknown) => {
          stopTimer();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
      child.send(message, () => undefined);
    });
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  };
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exit.catch(() => undefined);
  };
  const { adapter, settings = {}, retryMs } = subject;
  const options = { nodes, settings, isShared, quorlock, ...(retryMs === undefined ? {} : { retryMs }) };
  try {
    await ask({ adapter, options, warmCycles }, OPEN_TIMEOUT_MS);
  } catch (error) {
    await kill();
    throw error;
  }
  return { ask, kill };
}
