import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { findProgram } from '../../scripts/find-program.mjs';
import { dieWithParent, exitOf, type Exit } from './processes.js';
import { until } from './until.js';

/** How to reach a server: what ioredis and quorlock take as options. */
export type RedisAddress = { readonly path: string } | { readonly host: string; readonly port: number };

interface Process {
  readonly child: ChildProcess;
  readonly exit: Promise<Exit>;
  readonly port: number;
}

export interface RedisServerOptions {
  /** Where it keeps its socket, its log and, where it is told to, its data. */
  readonly directory: string;
  readonly tcp: boolean;
  readonly args: readonly string[];
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One redis-server process that keeps nothing on disk. Its address stays the same from one start to the next. */
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

  /** The unix socket; throws for a server on TCP. */
  get path(): string {
    if (this.#tcp) throw new Error('a server on TCP has no path');
    return join(this.#directory, 'redis.sock');
  }

  /** The port on 127.0.0.1; throws for a server on a unix socket. */
  get port(): number {
    if (this.#port === undefined) throw new Error('only a started server on TCP has a port');
    return this.#port;
  }

  /** What ioredis and quorlock connect with. */
  get options(): RedisAddress {
    return this.#tcp ? { host: '127.0.0.1', port: this.port } : { path: this.path };
  }

  /** The url of a server on TCP; throws for a server on a unix socket. */
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

  /** An ioredis client of the test's own, closed by `stop`. */
  client(options: RedisOptions = {}): Redis {
    const password = this.#password();
    const address: RedisOptions = this.options;
    // Without a timeout of its own a client whose server has gone keeps the process up for two seconds after its end.
    const own: RedisOptions = { disconnectTimeout: 0, ...(password === undefined ? {} : { password }) };
    const client = new Redis({ ...address, ...own, ...options, replyMapping: 'legacy' });
    // Tests kill servers: a broken connection is no news, and an 'error' without a listener is printed.
    client.on('error', () => undefined);
    this.#clients.add(client);
    return client;
  }

  async start(): Promise<void> {
    if (this.#process) throw new Error('this redis-server is running already');
    await mkdir(this.#directory, { recursive: true });
    // Between the choice of a port and its use somebody else may take it: then another one is tried.
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
    const [command = '', ...args] = [...dieWithParent, program(), ...settingArgs, ...this.#args];
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
   * Waits until this very process answers: on a port that somebody else took, somebody else answers. Rejects when the
   * process ends before that.
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
      const info = await infoOf(address, this.#password());
      return /^loading:0/m.test(info) && new RegExp(`^process_id:${current.child.pid}\\b`, 'm').test(info);
    };
    await Promise.race([failed, until(isReady, { what: 'redis-server to answer' })]);
    // Its log is still being read: that it has ended is known before why.
    if (ended) await failed;
  }

  /** Ends the process, by default as a crash would, and waits for its end. A stopped process is resumed first. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const current = this.#process;
    if (!current) return;
    current.child.kill(signal);
    this.resume();
    await current.exit.catch(() => undefined);
  }

  /** SIGSTOP: connections stay open, and nothing is answered. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
    this.#paused = true;
  }

  /** SIGCONT: what waited in the sockets is answered now. */
  resume(): void {
    if (!this.#paused) return;
    this.#process?.child.kill('SIGCONT');
    this.#paused = false;
  }

  /** A new process at the same address, with the data of the old one only if that is asked for. */
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

  /** Ends the clients and the process. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    this.#clients.clear();
    await this.kill();
  }

  #password(): string | undefined {
    const at = this.#args.indexOf('--requirepass');
    return at < 0 ? undefined : this.#args[at + 1];
  }
}

/** Where redis-server is. */
export function program(): string {
  const path = findProgram('redis-server');
  if (path === undefined)
    throw new Error('there is no redis-server: run `node scripts/setup.mjs --with redis`');
  return path;
}

/** Asks for INFO over a connection of its own. */
function infoOf(address: RedisAddress, password: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    let reply = '';
    socket.setEncoding('utf8').setTimeout(1_000, () => socket.destroy());
    socket.on('data', (text: string) => (reply += text));
    socket.once('error', reject);
    socket.once('close', () => resolve(reply));
    socket.end(`${password === undefined ? '' : `AUTH ${password}\r\n`}INFO\r\nQUIT\r\n`);
  });
}

/** A port of 127.0.0.1 that nobody uses now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
