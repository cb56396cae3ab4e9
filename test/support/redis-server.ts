import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { findProgram } from '../../scripts/find-program.mjs';
import { freePort } from './free-port.js';
import { dieWithParent, exitOf, type Exit } from './processes.js';
import { until } from './until.js';

/** The address of a server, in options that ioredis and quorlock accept. */
export type RedisAddress = { readonly path: string } | { readonly host: string; readonly port: number };

interface Process {
  readonly child: ChildProcess;
  readonly exit: Promise<Exit>;
  readonly port: number;
}

export interface RedisServerOptions {
  /** The directory of its socket, its log and, if it keeps data, its data. */
  readonly directory: string;
  readonly tcp: boolean;
  readonly args: readonly string[];
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * One redis-server process that by default keeps nothing on disk. Its address stays the same over restarts.
 */
export class RedisServer {
  readonly #directory: string;
  readonly #tcp: boolean;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #clients = new Set<Redis>();
  #process: Process | undefined;
  #port: number | undefined;
  #paused = false;

  constructor({ directory, tcp, args, env = {} }: RedisServerOptions) {
    this.#directory = directory;
    this.#tcp = tcp;
    this.#args = args;
    this.#env = env;
  }

  /** The unix socket. Throws for a server on TCP. */
  get path(): string {
    if (this.#tcp) throw new Error('a server on TCP has no path');
    return join(this.#directory, 'redis.sock');
  }

  /** The port on 127.0.0.1. Throws for a server on a unix socket. */
  get port(): number {
    if (this.#port === undefined) throw new Error('only a started server on TCP has a port');
    return this.#port;
  }

  /** The address for ioredis and quorlock. */
  get options(): RedisAddress {
    return this.#tcp ? { host: '127.0.0.1', port: this.port } : { path: this.path };
  }

  /** The URL of a server on TCP. Throws for a server on a unix socket. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  /** Throws while the server is not running. */
  get pid(): number {
    const pid = this.#process?.child.pid;
    if (pid === undefined) throw new Error('this redis-server is not running');
    return pid;
  }

  /** An ioredis client for the test. `stop` closes it. */
  client(options: RedisOptions = {}): Redis {
    const password = this.#password();
    const address: RedisOptions = this.options;
    // Without this timeout a client whose server is gone keeps the process alive for two more seconds.
    const own: RedisOptions = { disconnectTimeout: 0, ...(password === undefined ? {} : { password }) };
    const client = new Redis({ ...address, ...own, ...options, replyMapping: 'legacy' });
    // Tests kill servers, so broken connections are expected. Without a listener 'error' events are printed.
    client.on('error', () => undefined);
    this.#clients.add(client);
    return client;
  }

  async start(): Promise<void> {
    if (this.#process) throw new Error('this redis-server is running already');
    await mkdir(this.#directory, { recursive: true });
    // Another process may take the port before the server does. Then another port is tried.
    for (let attempt = 1; ; attempt++) {
      const port = this.#tcp ? (this.#port ?? (await freePort())) : 0;
      try {
        await this.#startOn(port);
        if (this.#tcp) this.#port = port;
        return;
      } catch (error) {
        if (!this.#tcp || attempt === 5) throw error;
      }
    }
  }

  async #startOn(port: number): Promise<void> {
    const settings = {
      port: String(port),
      ...(this.#tcp ? { bind: '127.0.0.1' } : { unixsocket: this.path }),
      dir: this.#directory,
      logfile: join(this.#directory, 'log'),
      daemonize: 'no',
      save: '',
      appendonly: 'no',
    };
    const settingArgs = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const [command = '', ...args] = [...dieWithParent, redisServerPath(), ...settingArgs, ...this.#args];
    const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...this.#env } });
    const current: Process = { child, port, exit: exitOf(child) };
    this.#process = current;
    this.#paused = false;
    const gone = () => {
      if (this.#process === current) this.#process = undefined;
    };
    current.exit.then(gone, gone);
    try {
      await this.waitReady();
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /**
   * Waits until this very process replies; on a port that another process took, that process would reply.
   * Rejects if the process ends first.
   */
  async waitReady(): Promise<void> {
    const current = this.#process;
    if (!current) throw new Error('this redis-server is not running');
    let ended = false;
    const failed = current.exit.then(async (exit) => {
      ended = true;
      const log = await readFile(join(this.#directory, 'log'), 'utf8').catch(() => 'no log');
      throw new Error(`redis-server ended with ${exit.signal ?? exit.code}:\n${log.slice(-2_000)}`);
    });
    const address = this.#tcp ? { host: '127.0.0.1', port: current.port } : { path: this.path };
    const isReady = async (): Promise<boolean> => {
      if (ended) return true;
      const info = await infoOf(address, this.#password(), this.#wordAfter('INFO'));
      return /^loading:0/m.test(info) && new RegExp(`^process_id:${current.child.pid}\\b`, 'm').test(info);
    };
    await Promise.race([failed, until(isReady, { what: 'redis-server to answer' })]);
    // The process has ended, but its log is still being read. The error has the log.
    if (ended) await failed;
  }

  /**
   * Ends the process, by default as a crash would, and waits for its end. A stopped process is resumed first.
   */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const current = this.#process;
    if (!current) return;
    current.child.kill(signal);
    this.resume();
    await current.exit.catch(() => undefined);
  }

  /** SIGSTOP: connections stay open, and requests get no reply. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
    this.#paused = true;
  }

  /** SIGCONT: requests that waited in the sockets get their replies. */
  resume(): void {
    if (!this.#paused) return;
    this.#process?.child.kill('SIGCONT');
    this.#paused = false;
  }

  /** Starts a new process at the same address, by default without the data of the old one. */
  async restart({ keepData = false }: { keepData?: boolean } = {}): Promise<void> {
    if (keepData) {
      this.resume();
      const client = this.client();
      await client.call('SAVE');
      client.disconnect();
    }
    await this.kill();
    if (!keepData) await rm(join(this.#directory, 'dump.rdb'), { force: true });
    await this.start();
  }

  /** Closes the clients and ends the process. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    this.#clients.clear();
    await this.kill();
  }

  #password(): string | undefined {
    return this.#wordAfter('--requirepass');
  }

  #wordAfter(word: string): string | undefined {
    const at = this.#args.indexOf(word);
    return at < 0 ? undefined : this.#args[at + 1];
  }
}

/** The path of redis-server. */
export function redisServerPath(): string {
  const path = findProgram('redis-server');
  if (path === undefined)
    throw new Error('redis-server is not installed: run `node scripts/setup.mjs --with redis`');
  return path;
}

/** Sends INFO over a connection of its own. `renamed`: what the server calls it. */
function infoOf(address: RedisAddress, password: string | undefined, renamed = 'INFO'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    let reply = '';
    socket.setEncoding('utf8').setTimeout(1_000, () => socket.destroy());
    socket.on('data', (text: string) => (reply += text));
    socket.once('error', reject);
    socket.once('close', () => resolve(reply));
    socket.end(`${password === undefined ? '' : `AUTH ${password}\r\n`}${renamed}\r\nQUIT\r\n`);
  });
}
