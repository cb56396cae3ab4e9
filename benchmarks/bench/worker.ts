/** The process of one subject: opens it, and then does the tasks that it is sent, one after the other. */
import type { AdapterModule, OpenOptions } from './adapter.js';
import { perform } from './loads.js';
import type { Answer, Task } from './tasks.js';

/** The first message: what to open. */
export interface Opening {
  readonly adapter: string;
  readonly options: OpenOptions;
  /** The number of cycles before the first task. */
  readonly warmCycles: number;
}

// No source maps: reading them would slow down libraries that read the stacks of their errors.
process.setSourceMapsEnabled(false);

process.once('message', (opening: Opening) => {
  void answer(async () => {
    const module = (await import(`./adapters/${opening.adapter}`)) as AdapterModule;
    const lock = await module.openLock(opening.options);
    // Connections are made and scripts are loaded once, before any cycle that counts.
    await perform(lock, { kind: 'closed', inFlight: 32, warmMs: 0, ms: 0, cycles: opening.warmCycles });
    process.on('message', (task: Task) => void answer(() => perform(lock, task)));
    return {};
  });
});

async function answer(act: () => Promise<Answer>): Promise<void> {
  process.send?.(await act().catch((error: unknown) => ({ error: String(error) })));
}
