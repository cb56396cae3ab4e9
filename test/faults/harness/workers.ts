import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dieWithParent, exitOf } from '../../support/processes.js';
import { nowMs } from './records.js';
import { LONGEST_SILENCE_MS } from './stalls.js';
import type { SignOfLife, WorkerCommand, WorkerConfig, WorkerMessage } from './worker-config.js';

const preload = new URL('../../support/child-preload.mjs', import.meta.url).href;
const program = fileURLToPath(new URL('./worker.ts', import.meta.url));

/**
 * A worker process, as the harness controls it. A listener takes its messages; they are not stored here,
 * because a long run has too many.
 */
export class FaultWorker {
  readonly name: string;
  readonly ended: Promise<void>;
  #output = '';
  #killedAt: number | undefined;
  #ranAt = Number.POSITIVE_INFINITY;
  readonly #disconnected: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<(message: WorkerMessage | undefined) => void>();

  constructor(config: WorkerConfig, onMessage: (message: WorkerMessage) => void) {
    this.name = config.name;
    const [execPath = '', ...execArgv] = [...dieWithParent, process.execPath, '--import', preload];
    this.#child = fork(program, [JSON.stringify(config)], {
      execPath,
      execArgv,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#disconnected = new Promise((resolve) => this.#child.once('disconnect', () => resolve(undefined)));
    this.#child.on('message', (message: WorkerMessage | SignOfLife) => {
      if (message.type === 'runs') {
        this.#ranAt = message.at;
        return;
      }
      onMessage(message);
      for (const waiter of [...this.#waiting]) waiter(message);
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-20_000);
      });
    }
    const end = (): void => {
      for (const waiter of [...this.#waiting]) waiter(undefined);
    };
    this.ended = exitOf(this.#child).then(end, end);
  }

  /** The end of its stdout and stderr, at most 20,000 characters. */
  get output(): string {
    return this.#output;
  }

  /** When `kill` ended it. */
  get killedAt(): number | undefined {
    return this.#killedAt;
  }

  /**
   * Since when it did not run when `kill` ended it, by its last sign of life; `undefined` if it ran until
   * then. It cannot tell of such a stall any more.
   */
  get stalledSince(): number | undefined {
    const { killedAt = Number.NEGATIVE_INFINITY } = this;
    return killedAt - this.#ranAt > LONGEST_SILENCE_MS ? this.#ranAt : undefined;
  }

  send(command: WorkerCommand): void {
    // A worker that has just ended cannot receive a command. That is no error here.
    if (this.#child.connected) this.#child.send(command, () => undefined);
  }

  /** The next message that satisfies the condition; `undefined` if the process or the wait ends first. */
  next(is: (message: WorkerMessage) => boolean, withinMs = 30_000): Promise<WorkerMessage | undefined> {
    return new Promise((resolve) => {
      const waiter = (message: WorkerMessage | undefined): void => {
        if (message !== undefined && !is(message)) return;
        clearTimeout(timer);
        this.#waiting.delete(waiter);
        resolve(message);
      };
      const timer = setTimeout(() => waiter(undefined), withinMs);
      this.#waiting.add(waiter);
    });
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.#killedAt = nowMs();
    this.#child.kill('SIGKILL');
    this.#child.kill('SIGCONT');
    await this.ended;
    // Until then there may be messages of it to read.
    if (this.#child.connected) await this.#disconnected;
  }
}
