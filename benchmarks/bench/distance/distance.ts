/** The proxy, seen from the benchmark. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { dieWithParent, exitOf } from '../../../test/support/processes.js';
import type { Address } from '../adapter.js';
import type { ProxyAnswer, ProxyOrder } from './orders.js';

const preload = new URL('../../../test/support/child-preload.mjs', import.meta.url).href;
const file = fileURLToPath(new URL('./proxy.ts', import.meta.url));
const ANSWER_MS = 15_000;

export interface Distance extends AsyncDisposable {
  /** Where the nodes are, seen through the proxy. */
  readonly addresses: readonly Address[];
  /** How much later than wanted bytes arrived since the last question, in ms. */
  lateness(): Promise<{ readonly p50: number; readonly p99: number }>;
}

/**
 * Puts each node at a distance: `delaysMs` has what each direction takes, in the order of the nodes. The
 * proxy ends with this process.
 */
export async function farFrom(nodes: readonly Address[], delaysMs: readonly number[]): Promise<Distance> {
  const [execPath = '', ...execArgv] = [...dieWithParent, process.execPath, '--import', preload];
  const child = fork(file, [], { execPath, execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exit = exitOf(child);
  const ask = async (order: ProxyOrder): Promise<ProxyAnswer> => {
    const answered = once(child, 'message', { signal: AbortSignal.timeout(ANSWER_MS) });
    child.send(order, () => undefined);
    const [answer] = (await answered) as [ProxyAnswer];
    return answer;
  };
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exit.catch(() => undefined);
  };
  const routes = nodes.map(({ host, port }, at) => ({ host, port, delayMs: delaysMs[at] ?? 0 }));
  try {
    const { ports = [] } = await ask({ kind: 'open', routes });
    return {
      addresses: nodes.map((node, at) => ({ ...node, host: '127.0.0.1', port: ports[at] ?? 0 })),
      lateness: async () => {
        const [p50 = 0, p99 = 0] = (await ask({ kind: 'lateness' })).lateMs ?? [];
        return { p50, p99 };
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
