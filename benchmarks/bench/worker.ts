/** A process of its own for one subject: opens it, then does the tasks it is sent, one after the other. */
import type { AdapterModule, OpenOptions } from './adapter.js';
import { perform } from './loads.js';
import type { Answer, Task } from './tasks.js';

/** The first message: what to open. */
export interface Opening {
  readonly adapter: string;
  readonly options: OpenOptions;
  /** How often it acquires and releases first. */
  readonly warmCycles: number;
}

// Reading the maps would be charged to the libraries that look at the stacks of their errors.
process.setSourceMapsEnabled(false);

process.once('message', (opening: Opening) => {
  void answer(async () => {
    const module = (await import(`./adapters/${opening.adapter}`)) as AdapterModule;
    const lock = await module.openLock(opening.options);
    // Connections are made and scripts are loaded once: that is no part of any cycle.
    await perform(lock, { kind: 'closed', inFlight: 32, warmMs: 0, ms: 0, cycles: opening.warmCycles });
    process.on('message', (task: Task) => void answer(() => perform(lock, task)));
    return {};
  });
});

async function answer(act: () => Promise<Answer>): Promise<void> {
  process.send?.(await act().catch((error: unknown) => ({ error: String(error) })));
}
