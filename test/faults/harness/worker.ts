/**
 * A worker process. It acquires, writes while it believes that it holds the lock, releases, and reports every
 * step.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdapterModule, HeldLock, LockAdapter } from './adapter.js';
import { between, logBetween, pick, randomOf } from './random.js';
import { nowMs } from './records.js';
import type { SignOfLife, WorkerCommand, WorkerConfig, WorkerMessage } from './worker-config.js';
import { watchStalls } from './stalls.js';

const config = JSON.parse(process.argv[2] ?? '{}') as WorkerConfig;
const random = randomOf(config.seed);
const report = (message: WorkerMessage | SignOfLife): void => void process.send?.(message);
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = error.name, reason } = error as { code?: string; reason?: unknown };
  return typeof reason === 'string' ? `${code} (${reason})` : code;
}

process.on('uncaughtException', (error) => {
  report({ type: 'crash', at: nowMs(), message: `${error.name}: ${error.message}` });
});
process.on('unhandledRejection', (reason) => {
  const message = reason instanceof Error ? `${reason.name}: ${reason.message}` : String(reason);
  report({ type: 'crash', at: nowMs(), message });
});

watchStalls({
  stalled: (from, at) => report({ type: 'stall', from, at }),
  ran: (at) => report({ type: 'runs', at }),
});

const { openAdapter } = (await import(config.adapter)) as AdapterModule;
const adapter: LockAdapter = await openAdapter({
  ...config.options,
  note: (text) => report({ type: 'note', at: nowMs(), text }),
});

interface Held {
  readonly lease: string;
  readonly lock: HeldLock;
  /** Read once, when the lock was acquired, as a program does that passes the signal on. */
  readonly signal: AbortSignal;
}

const held = new Map<string, Held>();
let counter = 0;
let finishing = false;

/** Acquires and reports the result. Gives the reason if the lock was not acquired. */
async function acquire(
  lease: string,
  resource: string,
  ttlMs: number,
  waitMs: number,
  tick?: number,
): Promise<Held | string> {
  report({ type: 'acquire', at: nowMs(), lease, resource, waitMs, ttlMs });
  const onExtended = (): void => report({ type: 'extended', at: nowMs(), lease });
  try {
    const terms = { ttlMs, waitMs, onExtended, ...(tick === undefined ? {} : { tick }) };
    const lock = await adapter.acquire(resource, terms);
    const at = nowMs();
    const { token, fallback = false } = lock;
    const side = fallback ? { fallback } : {};
    report({ type: 'acquired', at, lease, ...(token === undefined ? {} : { token }), ...side });
    const onLoss = (): void => {
      if (!held.delete(lease)) return;
      report({ type: 'lost', at: nowMs(), lease, reason: reasonOf(lock.signal.reason) });
    };
    const { signal } = lock;
    const one = { lease, lock, signal };
    held.set(lease, one);
    if (signal.aborted) onLoss();
    else signal.addEventListener('abort', onLoss, { once: true });
    return one;
  } catch (error) {
    const reason = reasonOf(error);
    report({ type: 'refused', at: nowMs(), lease, reason });
    return reason;
  }
}

async function release({ lease, lock }: Held): Promise<void> {
  if (held.delete(lease)) report({ type: 'release', at: nowMs(), lease });
  try {
    await lock.release();
    report({ type: 'released', at: nowMs(), lease });
  } catch (error) {
    report({ type: 'released', at: nowMs(), lease, error: reasonOf(error) });
  }
}

/**
 * Writes without asking the lease. It trusts the signal alone, as a careless program does; the store has to
 * refuse late writes.
 */
function write({ lease, lock }: Held): void {
  report({ type: 'write', at: nowMs(), lease, ...(lock.token === undefined ? {} : { token: lock.token }) });
}

/** How many leases a worker may hold at once. */
const LOOPS = 3;

/** Acquires a resource repeatedly, and holds it for a moment or for several TTLs. */
async function loop(): Promise<void> {
  while (!finishing) {
    const { name, ttlMs } = pick(random, config.resources);
    const waitMs = random() < 0.5 ? 0 : Math.round(between(random, 100, 2_000));
    const one = await acquire(`${config.name}/${++counter}`, name, ttlMs, waitMs);
    const isHeld = typeof one !== 'string';
    if (isHeld) {
      const holdMs =
        random() < 0.5
          ? logBetween(random, 1, ttlMs)
          : between(random, ttlMs / 2, Math.min(4 * ttlMs, 5_000));
      const until = nowMs() + holdMs;
      write(one);
      while (nowMs() < until && !one.signal.aborted && !finishing) {
        await sleep(Math.min(between(random, 1, 60), Math.max(1, until - nowMs())));
        if (!one.signal.aborted) write(one);
      }
      await release(one);
    }
    await sleep(between(random, 1, isHeld ? 20 : 150));
  }
}

/** Runs a short job at each full `tickMs` of the wall clock, at the same instant on all workers. */
async function ticks(): Promise<void> {
  while (!finishing) {
    const tick = (Math.floor(Date.now() / config.tickMs) + 1) * config.tickMs;
    await sleep(tick - Date.now() + between(random, 0, 3));
    if (finishing) return;
    if (Date.now() - tick > config.tickMs / 2) continue;
    const one = await acquire(`${config.name}/${++counter}`, 'tick', config.tickTtlMs, 0, tick);
    const outcome = typeof one === 'string' ? one : 'ran';
    report({ type: 'tick', at: nowMs(), tick, outcome });
    if (typeof one === 'string') continue;
    await sleep(between(random, 1, 10));
    await release(one);
  }
}

function keepWriting(one: Held, everyMs: number): void {
  write(one);
  const timer = setInterval(() => {
    if (held.has(one.lease)) write(one);
    else clearInterval(timer);
  }, everyMs);
}

async function contend({
  lease,
  resource,
  ttlMs,
  writeEveryMs,
}: Extract<WorkerCommand, { do: 'contend' }>): Promise<void> {
  for (let call = 1; !finishing; call++) {
    const one = await acquire(`${lease}#${call}`, resource, ttlMs, 0);
    if (typeof one !== 'string') {
      if (writeEveryMs !== undefined) keepWriting(one, writeEveryMs);
      return;
    }
    await sleep(50);
  }
}

function block(forMs: number): void {
  const until = nowMs() + forMs;
  while (nowMs() < until);
}

async function execute(command: WorkerCommand): Promise<void> {
  switch (command.do) {
    case 'acquire': {
      const { lease, resource, ttlMs, waitMs, tick, at = 0, writeEveryMs } = command;
      if (at - nowMs() > 3) await sleep(at - nowMs() - 2);
      while (nowMs() < at);
      const one = await acquire(lease, resource, ttlMs, waitMs, tick);
      if (typeof one !== 'string' && writeEveryMs !== undefined) keepWriting(one, writeEveryMs);
      break;
    }
    case 'contend':
      await contend(command);
      break;
    case 'release': {
      const one = held.get(command.lease);
      if (one) await release(one);
      break;
    }
    case 'write': {
      const one = held.get(command.lease);
      if (one) write(one);
      break;
    }
    case 'block':
      block(command.forMs);
      break;
    case 'finish':
      finishing = true;
      await working;
      report({ type: 'idle', at: nowMs() });
      break;
    case 'exit':
      await adapter.close();
      process.exit(0);
  }
}

process.on('message', (command: WorkerCommand) => void execute(command));
const working = Promise.all([
  ...(config.resources.length > 0 ? Array.from({ length: LOOPS }, () => loop()) : []),
  config.tickMs > 0 ? ticks() : undefined,
]);
report({ type: 'ready', at: nowMs() });
