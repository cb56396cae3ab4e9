import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/free-port.js';
import { dieWithParent, exitOf } from '../support/processes.js';
import { until } from '../support/until.js';
import { alertsPath } from './dashboard-file.js';
import { prometheusProgram } from './promtool.js';

/** One series of an instant query. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One series of a range query: a value for each step, `undefined` for a step without one. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (number | undefined)[];
}

/** Instants in seconds since the Unix epoch, both inclusive. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
  readonly stepSeconds: number;
}

export interface ScrapeTarget {
  /** host:port of a process that serves `/metrics`. */
  readonly address: string;
  /** The label `instance`. */
  readonly instance: string;
}

interface RuleStatus {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
  /** inactive, pending or firing. */
  readonly state: string;
}

/** The last scrape of a target: `up`, or `down` with the error. */
interface ScrapeStatus {
  readonly scrapeUrl: string;
  readonly health: string;
  readonly lastError: string;
  readonly lastScrape: string;
}

/** A Prometheus process that scrapes the targets twice a second and evaluates the alerts. */
export class PrometheusServer {
  private constructor(
    private readonly directory: string,
    private readonly url: string,
    private readonly child: ChildProcess,
    private readonly exit: Promise<unknown>,
  ) {}

  static async start(targets: readonly ScrapeTarget[]): Promise<PrometheusServer> {
    const directory = await mkdtemp(join(tmpdir(), 'quorlock-prometheus-'));
    const config = join(directory, 'prometheus.yml');
    // JSON is YAML.
    await writeFile(
      config,
      JSON.stringify({
        global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
        rule_files: [fileURLToPath(alertsPath)],
        scrape_configs: [
          {
            job_name: 'app',
            static_configs: targets.map(({ address, instance }) => ({
              targets: [address],
              labels: { instance },
            })),
          },
        ],
      }),
    );
    for (;;) {
      const server = await this.#tryStart(directory, config);
      if (server) return server;
    }
  }

  /**
   * Starts Prometheus on a free port. Prometheus does not accept port 0. If another process takes the port
   * first, the result is `undefined`.
   */
  static async #tryStart(directory: string, config: string): Promise<PrometheusServer | undefined> {
    const address = `127.0.0.1:${await freePort()}`;
    const data = join(directory, 'data');
    const [command = '', ...args] = [
      ...dieWithParent,
      prometheusProgram('prometheus'),
      `--config.file=${config}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ];
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
    const exit = exitOf(child);
    let over = false;
    const end = () => void (over = true);
    exit.then(end, end);
    const server = new PrometheusServer(directory, `http://${address}`, child, exit);
    const outcome = await until(async () => over || (await server.#isReady(data)), {
      what: 'Prometheus to be ready',
    });
    if (outcome === 'ready') return server;
    if (log.includes('address already in use')) return undefined;
    throw new Error(`Prometheus ended at once:\n${log}`);
  }

  /** Whether this Prometheus answers, and not another one on the same port. */
  async #isReady(data: string): Promise<'ready' | undefined> {
    if (!(await fetch(`${this.url}/-/ready`)).ok) return undefined;
    const flags = await this.#get<Record<string, string>>('status/flags');
    return flags['storage.tsdb.path'] === data ? 'ready' : undefined;
  }

  async query(expr: string): Promise<readonly Sample[]> {
    const { resultType, result } = await this.#get<{
      resultType: string;
      result: readonly { metric: Record<string, string>; value: [number, string] }[];
    }>(`query?${new URLSearchParams({ query: expr }).toString()}`);
    if (resultType !== 'vector') throw new Error(`${expr} gives a ${resultType}`);
    return result.map(({ metric, value: [, value] }) => ({ labels: metric, value: Number(value) }));
  }

  /** A range query, like that of a panel over time. */
  async queryRange(expr: string, { from, to, stepSeconds }: TimeRange): Promise<readonly Series[]> {
    const asked = { query: expr, start: String(from), end: String(to), step: String(stepSeconds) };
    const { result } = await this.#get<{
      result: readonly { metric: Record<string, string>; values: readonly [number, string][] }[];
    }>(`query_range?${new URLSearchParams(asked).toString()}`);
    const steps = Math.floor((to - from) / stepSeconds) + 1;
    return result.map(({ metric, values }) => {
      const found = new Map(
        values.map(([at, value]) => [Math.round((at - from) / stepSeconds), Number(value)]),
      );
      return { labels: metric, values: Array.from({ length: steps }, (_, step) => found.get(step)) };
    });
  }

  async rules(): Promise<readonly RuleStatus[]> {
    const { groups } = await this.#get<{ groups: readonly { rules: readonly RuleStatus[] }[] }>('rules');
    return groups.flatMap(({ rules }) => rules);
  }

  /** How the last scrape of each target went. */
  async scrapes(): Promise<readonly ScrapeStatus[]> {
    const { activeTargets } = await this.#get<{ activeTargets: readonly ScrapeStatus[] }>('targets');
    return activeTargets.map(({ scrapeUrl, health, lastError, lastScrape }) => {
      return { scrapeUrl, health, lastError, lastScrape };
    });
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
    await rm(this.directory, { recursive: true });
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}`);
    const body = (await response.json()) as { status: string; error?: string; data: T };
    if (body.status !== 'success') throw new Error(`${path}: ${body.error}`);
    return body.data;
  }
}
