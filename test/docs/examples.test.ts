import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LockManager } from '../../src/index.js';
import { METRIC_NAMES } from '../../src/prometheus/index.js';
import { startChild, type Child } from '../support/child.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { blockNamed, blocksIn, pageOf, type Block } from './markdown.js';
import { Workspace } from './workspace.js';

const readme = pageOf('README.md');
const blocks = blocksIn(readme);
const programs = blocks.filter(({ language }) => language === 'ts');
const fileOf = ({ line }: Block): string => `line-${line}.ts`;

const workspace = new Workspace();
let redis: RedisServers;

beforeAll(async () => {
  redis = await startRedis({ count: 3, tcp: true });
});

afterAll(async () => {
  workspace.remove();
  await redis.stop();
});

/** The code as the page has it, but with the servers of this test for the hosts that it names. */
function withServers(code: string): string {
  return code.replace(
    /redis:\/\/10\.0\.0\.([123]):6379/g,
    (_, number) => redis.servers[Number(number) - 1]!.url,
  );
}

const addProgram = (block: Block): URL => workspace.add(fileOf(block), withServers(block.code));

/** Numbers of five digits and more (tokens, times) differ from run to run. */
const shapeOf = (output: string): string => output.replace(/\d{5,}/g, '#');

describe('the code of the README', () => {
  it('is all of one language, and has a block of each kind that is tested here', () => {
    expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(['sh', 'ts', 'text']));
    expect(programs.filter(({ run }) => run)).toHaveLength(3);
    for (const { run, name, line } of programs)
      expect({ line, marked: run || name !== undefined }).toEqual({ line, marked: true });
  });

  it('compiles with the options of this project', () => {
    for (const block of programs) addProgram(block);
    expect(workspace.complaints()).toBe('');
  });

  it('would be refused by the compiler if it used what is not there', () => {
    const wrong = new Workspace();
    wrong.add(
      'wrong.ts',
      "import { LockManager } from 'quorlock';\nnew LockManager({ nodes: [], ttl: 5 });\n",
    );
    const complaints = wrong.complaints();
    wrong.remove();
    expect(complaints).toContain("'ttl' does not exist in type 'LockManagerOptions'");
  });

  it.each(programs.filter(({ run }) => run).map((block) => [block.line, block] as const))(
    'of line %i ends by itself and writes what stands below it',
    async (_, block) => {
      const shown = blocks[blocks.indexOf(block) + 1]!;
      expect(shown.language).toBe('text');
      const output = await workspace.run(addProgram(block));
      expect(shapeOf(output)).toBe(shapeOf(shown.code));
    },
  );
});

describe('the worker of the README', () => {
  const workers: Child[] = [];

  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
  });

  it('started twice, writes the lines that the README shows, and releases its lock when it is told to end', async () => {
    const file = addProgram(blockNamed(readme, 'worker'));
    const { url, port } = redis.servers[0]!;
    const env = { REDIS_ENABLED: 'true', REDIS_HOST: '127.0.0.1', REDIS_PORT: String(port), NO_COLOR: '1' };
    const [acquired, ran, held] = blockNamed(readme, 'worker-log').code.trim().split('\n') as [
      string,
      string,
      string,
    ];
    // Who comes when the run is on record already is not told that the lock is held. So it is held by somebody else first.
    await using other = new LockManager({ nodes: [url] });
    const lease = await other.acquire('report');
    workers.push(startChild(file, { env }), startChild(file, { env }));
    await until(() => workers.every(({ output }) => output.includes(held)), { what: held });
    await lease.release();
    const written = (): string => workers.map(({ output }) => output).join('');
    await until(() => written().includes(acquired) && written().includes(ran), { what: acquired });
    await Promise.all(workers.map((worker) => worker.kill('SIGTERM')));
    expect(await redis.servers[0]!.client().exists('lock:report')).toBe(0);
  });
});

describe('the applications of the README', () => {
  const children: Child[] = [];

  afterAll(async () => {
    await Promise.all(children.map((child) => child.kill()));
  });

  /** Starts an application and tells `process.send` what the expression gives. */
  async function started<Message>(name: string, expression: string, env = {}): Promise<Message> {
    const block = blockNamed(readme, name);
    const url = addProgram(block).href;
    const file = workspace.add(
      `start-${name}.ts`,
      `import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { LockManager } from 'quorlock';
const { AppModule } = await import('${url}');
const app = await NestFactory.create(AppModule, { logger: ['error'] });
await app.listen(0, '127.0.0.1');
process.send(await (async () => { ${expression} })());
`,
    );
    const child = startChild<Message>(file, { env });
    children.push(child);
    return child.message();
  }

  it('lock on the three nodes that the module lists', async () => {
    const nodes = await started<{ status: string }[]>(
      'nodes',
      `const locks = app.get(LockManager);
      await (await locks.acquire('here')).release();
      while (locks.nodes().some(({ status }) => status !== 'ready')) await new Promise((r) => setTimeout(r, 10));
      return locks.nodes();`,
    );
    expect(nodes.map(({ status }) => status)).toEqual(['ready', 'ready', 'ready']);
  });

  it('answer two requests at once as the README shows', async () => {
    const address = await started<string>('http', 'return app.getUrl();');
    const pay = async (): Promise<string> => {
      const answer = await fetch(`${address}/invoices/7/pay`, { method: 'POST' });
      const retryAfter = answer.headers.get('retry-after');
      const shown = retryAfter === null ? '' : ` Retry-After: ${retryAfter}`;
      return `${answer.status}${shown} ${await answer.text()}`;
    };
    const answers = await Promise.all([pay(), pay()]);
    expect(answers.sort()).toEqual(blockNamed(readme, 'http-answers').code.trim().split('\n'));
  });

  it('serve every metric', async () => {
    const address = await started<string>('metrics', 'return app.getUrl();');
    const answer = await fetch(`${address}/metrics`);
    const page = await answer.text();
    expect(METRIC_NAMES.filter((metric) => !page.includes(`# TYPE ${metric} `))).toEqual([]);
  });
});
