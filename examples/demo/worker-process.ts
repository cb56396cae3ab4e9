import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dieWithParent, exitOf, type Exit } from '../../test/support/processes.js';
import { until } from '../../test/support/until.js';
import { SETTINGS_VARIABLE, type DemoMessage, type WorkerMessage, type WorkerSettings } from './messages.js';
import { scrape, type Sample } from './metrics.js';
import { monotonicMs } from './record.js';

const program = fileURLToPath(new URL('./worker.ts', import.meta.url));
const loader = new URL('../../scripts/ts-loader.mjs', import.meta.url).href;

/** The longest start. Twenty workers may start at once on a small machine. */
const START_MS = 180_000;
const END_MS = 30_000;

/** One worker process, seen from the demo. */
export class WorkerProcess {
  readonly name: string;
  readonly exit: Promise<Exit>;
  readonly #child: ChildProcess;
  #metricsPort: number | undefined;
  #metrics: readonly Sample[] = [];
  #finished = false;
  #ended: Exit | undefined;
  #killed = false;
  #errors = '';

  constructor(settings: WorkerSettings, hear: (worker: WorkerProcess, message: WorkerMessage) => void) {
    this.name = settings.name;
    const [execPath = '', ...execArgv] = [...dieWithParent, process.execPath, '--import', loader];
    this.#child = fork(program, {
      execPath,
      execArgv,
      env: { ...process.env, [SETTINGS_VARIABLE]: JSON.stringify(settings) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.exit = exitOf(this.#child);
    const end = (exit: Exit): void => void (this.#ended = exit);
    this.exit.then(end, () => end({ code: null, signal: null }));
    this.#child.on('message', (message) => {
      const known = message as WorkerMessage;
      if (known.type === 'ready') this.#metricsPort = known.metricsPort;
      if (known.type === 'finished') this.#finished = true;
      hear(this, known);
    });
    // Output that is not a message: warnings of cron on a busy machine, and errors of a crash.
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#errors = (this.#errors + text).slice(-4_000);
        for (const line of text.split('\n')) if (line !== '') hear(this, { type: 'warning', text: line });
      });
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Whether it is alive, serves metrics, and has reached the nodes that it needs. */
  get isReady(): boolean {
    return this.alive && this.#metricsPort !== undefined;
  }

  /** What went wrong with the process itself; `undefined` if nothing did. */
  get fault(): string | undefined {
    if (this.#killed || this.#ended === undefined || this.#ended.code === 0) return undefined;
    return `${this.name} ended with ${this.#ended.signal ?? this.#ended.code}:\n${this.#errors}`;
  }

  get metricsUrl(): string {
    return `http://127.0.0.1:${this.#metricsPort}/metrics`;
  }

  /** The metrics at the last scrape. */
  get metrics(): readonly Sample[] {
    return this.#metrics;
  }

  /** Waits until it serves metrics and has reached the nodes that it needs. */
  async ready(): Promise<void> {
    await until(() => this.#metricsPort !== undefined || !this.alive, {
      what: `${this.name} to start`,
      timeoutMs: START_MS,
    });
    if (!this.alive) throw new Error(this.fault ?? `${this.name} ended before it was ready`);
  }

  async scrape(): Promise<void> {
    this.#metrics = await scrape(this.metricsUrl);
  }

  /** Kills the worker with SIGKILL. Resolves when it is dead, to when that was, on the monotonic clock. */
  async kill(): Promise<number> {
    this.#killed = true;
    this.#child.kill('SIGKILL');
    // Not when its end is heard of: on a busy machine another worker may have taken over by then.
    const at = monotonicMs();
    await this.exit;
    return at;
  }

  /** Ends its jobs, so that its metrics change no more. */
  async finish(): Promise<void> {
    this.#send('finish');
    await until(() => this.#finished || !this.alive, {
      what: `${this.name} to finish`,
      timeoutMs: END_MS,
    });
  }

  /** Closes the application and waits for the process to end by itself. */
  async close(): Promise<void> {
    this.#send('exit');
    await until(() => !this.alive, { what: `${this.name} to end by itself`, timeoutMs: END_MS });
  }

  #send(message: DemoMessage): void {
    if (this.#child.connected) this.#child.send(message);
  }
}
