import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findPostgres } from '../../scripts/find-postgres.mjs';
import { exitOf, type Exit } from './processes.js';
import { freePort } from './free-port.js';
import { until } from './until.js';

/** Whom PostgreSQL runs as: it refuses to be root, so root runs it as the user of its package. */
const owner =
  process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : { uid: undefined, gid: undefined };

function idOf(flag: string): number {
  const { stdout } = spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' });
  const id = Number(stdout);
  if (stdout.trim() === '' || !Number.isInteger(id)) throw new Error('there is no user postgres');
  return id;
}

/** In memory where that is possible: nothing waits for a disk, and a copy is made at once. */
const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Runs a command as that user, and ends it with this process: SIGQUIT makes PostgreSQL stop at once. */
const asOwner = (signal: string): string[] => [
  'setpriv',
  ...(owner.uid === undefined ? [] : [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups']),
  `--pdeathsig=${signal}`,
];

/** How a cluster is made. */
const AS_NEW = [
  ...['--username', 'quorlock', '--auth', 'trust', '--no-sync'],
  ...['--encoding', 'UTF8', '--locale', 'C'],
];

/** A backup that waits for nothing. */
const AT_ONCE = ['--checkpoint', 'fast', '--no-sync'];

export interface PostgresOptions {
  /**
   * Whether it waits for the disk, as a real one does. Without, a node takes a restart for a loss of memory.
   * @default false
   */
  readonly fsync?: boolean;
  /** Further settings. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** One PostgreSQL server of a test, in a folder of its own, on a unix socket and a port of 127.0.0.1. */
export class PostgresServer implements AsyncDisposable {
  readonly #pools = new Set<pg.Pool>();
  #process: { readonly child: ChildProcess; readonly exit: Promise<Exit> } | undefined;
  #isPaused = false;

  private constructor(
    readonly folder: string,
    readonly port: number,
    private readonly options: PostgresOptions,
  ) {}

  /** Makes a new cluster and starts it. */
  static async start(options: PostgresOptions = {}): Promise<PostgresServer> {
    const server = await PostgresServer.#inNewFolder(options);
    run(program('initdb'), ['--pgdata', server.#data, ...AS_NEW]);
    await server.start();
    return server;
  }

  /** A standby of a server that is running. */
  static async standbyOf(source: PostgresServer, options: PostgresOptions = {}): Promise<PostgresServer> {
    const server = await PostgresServer.#inNewFolder(options);
    run(program('pg_basebackup'), [
      ...['--pgdata', server.#data, '--write-recovery-conf', ...source.#access, ...AT_ONCE],
    ]);
    await server.start();
    return server;
  }

  static async #inNewFolder(options: PostgresOptions): Promise<PostgresServer> {
    const folder = mkdtempSync(join(place, 'quorlock-pg-'));
    if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid);
    return new PostgresServer(folder, await freePort(), options);
  }

  get #access(): string[] {
    return ['--host', this.folder, '--port', String(this.port), '--username', 'quorlock'];
  }

  get #data(): string {
    return join(this.folder, 'data');
  }

  /** Where it is, as `pg` and quorlock take it. */
  get config(): { host: string; port: number; user: string; database: string } {
    return { host: this.folder, port: this.port, user: 'quorlock', database: 'postgres' };
  }

  /** The same over TCP, as text. */
  get url(): string {
    return `postgres://quorlock@127.0.0.1:${this.port}/postgres`;
  }

  /** A pool for the test. `stop` ends it. */
  pool(more: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool({ ...this.config, ...more });
    pool.on('error', () => undefined);
    this.#pools.add(pool);
    return pool;
  }

  /** Runs a statement, and gives its rows. */
  async query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(this.config);
    client.on('error', () => undefined);
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>(text, values);
      return rows;
    } finally {
      await client.end();
    }
  }

  async start(): Promise<void> {
    const settings = {
      port: String(this.port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.folder,
      fsync: this.options.fsync === true ? 'on' : 'off',
      shared_buffers: '16MB',
      max_connections: '50',
      max_wal_senders: '4',
      autovacuum: 'off',
      log_min_messages: 'fatal',
      ...this.options.settings,
    };
    await writeFile(
      join(this.#data, 'postgresql.auto.conf'),
      Object.entries(settings)
        .map(([name, value]) => `${name} = '${value}'\n`)
        .join('') + (await this.#recovery()),
    );
    let server = this.#launch();
    const isReady = async (): Promise<boolean> => {
      const { hasEnded, log } = server;
      // The processes of a server that was killed may not all be gone.
      if (hasEnded && log.includes('is still in use')) server = this.#launch();
      else if (hasEnded) throw new Error(`postgres ended: ${log.slice(-2_000)}`);
      return this.query('select 1').then(
        () => true,
        () => false,
      );
    };
    await until(isReady, { what: 'PostgreSQL to answer' });
  }

  #launch(): { readonly hasEnded: boolean; readonly log: string } {
    const [command = '', ...args] = [...asOwner('QUIT'), program('postgres'), '-D', this.#data];
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const server = { hasEnded: false, log: '' };
    child.stderr.setEncoding('utf8').on('data', (text: string) => (server.log += text));
    const current = { child, exit: exitOf(child) };
    this.#process = current;
    current.exit.then(
      () => {
        server.hasEnded = true;
        if (this.#process === current) this.#process = undefined;
      },
      () => (server.hasEnded = true),
    );
    return server;
  }

  /** What pg_basebackup has written of the server that a standby follows. */
  async #recovery(): Promise<string> {
    const text = await readFile(join(this.#data, 'postgresql.auto.conf'), 'utf8');
    return text
      .split('\n')
      .filter((line) => line.startsWith('primary_conninfo'))
      .map((line) => `${line}\n`)
      .join('');
  }

  /** Ends it: as a crash would (SIGQUIT), or in order (SIGINT). */
  async end(signal: 'SIGQUIT' | 'SIGINT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    const current = this.#process;
    if (current === undefined) return;
    this.resume();
    // They would notice its end by themselves, but the next start must not meet them.
    const children = signal === 'SIGKILL' ? childrenOf(current.child) : [];
    current.child.kill(signal);
    await current.exit;
    for (const pid of children) endNow(pid);
  }

  /** Stops all its processes, which keep their connections and answer nothing. */
  pause(): void {
    this.#signal('STOP');
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#signal('CONT');
    this.#isPaused = false;
  }

  /** Sends a signal to the server and to its children. */
  #signal(signal: string): void {
    const pid = this.#process?.child.pid;
    if (pid === undefined) throw new Error('this PostgreSQL is not running');
    process.kill(pid, `SIG${signal}` as NodeJS.Signals);
    spawnSync('pkill', [`-${signal}`, '-P', String(pid)]);
  }

  /** Makes a backup: a base backup of the server that is running, or a copy of the folder of its data. */
  backUp(): void {
    const to = join(this.folder, 'backup');
    if (this.#process === undefined) run('cp', ['-a', this.#data, to]);
    else run(program('pg_basebackup'), ['--pgdata', to, ...this.#access, ...AT_ONCE]);
  }

  /** Makes a base backup, in the place of the one before, while the caller goes on. */
  async backUpNow(): Promise<void> {
    const to = join(this.folder, 'backup');
    await runLater(program('pg_basebackup'), ['--pgdata', `${to}.new`, ...this.#access, ...AT_ONCE]);
    rmSync(to, { recursive: true, force: true });
    await rename(`${to}.new`, to);
  }

  /** Makes a new cluster in the place of the data. It must not be running. */
  async renew(): Promise<void> {
    rmSync(this.#data, { recursive: true, force: true });
    await runLater(program('initdb'), ['--pgdata', this.#data, ...AS_NEW]);
  }

  /** Puts that backup in the place of the data, if there is one. */
  restore(): void {
    const from = join(this.folder, 'backup');
    if (!existsSync(from)) return;
    rmSync(this.#data, { recursive: true });
    renameSync(from, this.#data);
  }

  /** Makes a standby the primary. */
  async promote(): Promise<void> {
    await this.query('select pg_promote()');
  }

  /** From now on a role must give its password, by SCRAM, over TCP. */
  async demandPassword(role: string): Promise<void> {
    const file = join(this.#data, 'pg_hba.conf');
    const others = await readFile(file, 'utf8');
    await writeFile(file, `host all ${role} 127.0.0.1/32 scram-sha-256\n${others}`);
    await this.query('select pg_reload_conf()');
  }

  /** Ends the pools and the server, and removes its folder. */
  async stop(): Promise<void> {
    for (const pool of this.#pools) void pool.end().catch(() => undefined);
    await this.end('SIGQUIT');
    rmSync(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function program(name: string): string {
  const path = findPostgres(name);
  if (path === undefined)
    throw new Error('PostgreSQL is not installed: run `node scripts/setup.mjs --with postgres`');
  return path;
}

const childrenOf = ({ pid }: ChildProcess): number[] =>
  spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean)
    .map(Number);

function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

async function runLater(path: string, args: readonly string[]): Promise<void> {
  const [command = '', ...rest] = [...asOwner('KILL'), path, ...args];
  const child = spawn(command, rest, { stdio: 'ignore' });
  await exitOf(child);
  if (child.exitCode !== 0) throw new Error(`${path} failed`);
}

function run(path: string, args: readonly string[]): void {
  const [command = '', ...rest] = [...asOwner('KILL'), path, ...args];
  const { status, stderr } = spawnSync(command, rest, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${path} failed: ${stderr}`);
}
