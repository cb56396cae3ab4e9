import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { LockManager } from '../../src/index.js';
import { METRIC_NAMES } from '../../src/prometheus/index.js';
import { startChild, type Child } from '../support/child.js';
import { PostgresServer } from '../support/postgres-server.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { blockNamed, blocksIn, pageOf, PAGES, type Block } from './markdown.js';
import { Workspace } from './workspace.js';

interface PageBlock extends Block {
  readonly page: string;
  /** What is shown right below it. */
  readonly next: Block | undefined;
}

const blocks: readonly PageBlock[] = PAGES.flatMap((page) =>
  blocksIn(pageOf(page)).map((block, at, all) => ({ ...block, page, next: all[at + 1] })),
);
const programs = blocks.filter(({ language }) => language === 'ts');
const titleOf = ({ page, line, name }: PageBlock): string => `${page}:${line}${name ? ` (${name})` : ''}`;
const fileOf = ({ page, line }: PageBlock): string => `${page.replace(/\W/g, '-')}-line-${line}.ts`;
const programNamed = (name: string): PageBlock => {
  const named = programs.filter((block) => block.name === name);
  if (named.length !== 1) throw new Error(`${named.length} programs are named ${name}, not one`);
  return named[0]!;
};

const workspace = new Workspace();
let redis: RedisServers;
let postgres: PostgresServer;

beforeAll(async () => {
  [redis, postgres] = await Promise.all([startRedis({ count: 3, tcp: true }), PostgresServer.start()]);
});

afterAll(async () => {
  workspace.remove();
  await Promise.all([redis.stop(), postgres.stop()]);
});

/**
 * The code as the page has it, but with the servers of this test for those that it names, and what is
 * installed here.
 */
function fitted({ code, aliases }: Block): string {
  const withServers = code.replace(
    /redis:\/\/(?:10\.0\.0\.([123]):6379|127\.0\.0\.1:700([123]))/g,
    (_, machine?: string, port?: string) => redis.servers[Number(machine ?? port) - 1]!.url,
  );
  const withDatabase = withServers.replaceAll('postgres://app:secret@10.0.0.4:5432/app', postgres.url);
  return aliases.reduce(
    (text, [name, installedAs]) => text.replaceAll(`'${name}'`, `'${installedAs}'`),
    withDatabase,
  );
}

const addProgram = (block: PageBlock): URL => workspace.add(fileOf(block), fitted(block));

/** Numbers of five digits and more (tokens, times) differ from run to run. */
const shapeOf = (output: string): string => output.replace(/\d{5,}/g, '#');

describe('the code of the pages', () => {
  it('is in languages that are known, and every program is run or has a name', () => {
    const languages = new Set(blocks.map(({ language }) => language));
    expect([...languages].sort()).toEqual(['sh', 'sql', 'text', 'ts', 'yaml']);
    expect(programs.filter(({ run, name }) => !run && name === undefined).map(titleOf)).toEqual([]);
    expect(programs.filter(({ run }) => run).length).toBeGreaterThanOrEqual(10);
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

  it.each(programs.filter(({ run }) => run).map((block) => [titleOf(block), block] as const))(
    'ends by itself and writes what stands below it: %s',
    async (_, block) => {
      expect(block.next?.language).toBe('text');
      const output = await workspace.run(addProgram(block));
      expect(shapeOf(output)).toBe(shapeOf(block.next!.code));
    },
  );
});

/** The programs use the same servers, with lists of nodes of their own. */
const emptyServers = async (): Promise<void> => {
  for (const server of redis.servers) await server.client().flushall();
};

describe('the worker of README.md', () => {
  beforeAll(emptyServers);

  const workers: Child[] = [];

  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
  });

  it('started twice, writes the lines that README.md shows, and releases its lock when it is told to end', async () => {
    const file = addProgram(programNamed('worker'));
    const { url, port } = redis.servers[0]!;
    const env = { REDIS_ENABLED: 'true', REDIS_HOST: '127.0.0.1', REDIS_PORT: String(port), NO_COLOR: '1' };
    const [acquired, ran, held] = blockNamed(pageOf('README.md'), 'worker-log').code.trim().split('\n') as [
      string,
      string,
      string,
    ];
    // A worker that comes when the run is on record already is not told that the lock is held. So another
    // client holds it first.
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

describe('the applications of the pages', () => {
  const children: Child[] = [];

  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.kill()));
    await emptyServers();
  });

  /** Runs the code with what the program exports as `page`, and gives what it returns. */
  async function outcomeOf<Message>(name: string, code: string): Promise<Message> {
    const url = addProgram(programNamed(name)).href;
    const file = workspace.add(
      `start-${name}.ts`,
      `import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { LockManager, memoryNode } from 'quorlock';
import { QuorlockModule } from 'quorlock/nestjs';
const page = await import('${url}');
process.send(await (async () => { ${code} })());
`,
    );
    const child = startChild<Message>(file);
    children.push(child);
    return child.message();
  }

  /** The same, with the page's application as `app`, once it listens. */
  const started = <Message>(name: string, code: string): Promise<Message> =>
    outcomeOf<Message>(
      name,
      `const app = await NestFactory.create(page.AppModule, { logger: ['error'] });
      await app.listen(0, '127.0.0.1');
      ${code}`,
    );

  it.each(['nodes', 'async'])('lock on the three nodes that the module lists: %s', async (name) => {
    const nodes = await started<{ status: string }[]>(
      name,
      `const locks = app.get(LockManager);
      await (await locks.acquire('here')).release();
      const isReady = ({ status }) => status === 'ready';
      while (!locks.nodes().every(isReady)) await new Promise((r) => setTimeout(r, 10));
      return locks.nodes();`,
    );
    expect(nodes.map(({ status }) => status)).toEqual(['ready', 'ready', 'ready']);
  });

  it('lock on the nodes of the module that a method names', async () => {
    const answers = await started<[string, string]>(
      'named',
      `const service = app.get(page.BillingService);
      await using lease = await service.locks.acquire('invoices');
      return [String(await service.sendInvoices()), service.locks.nodes()[0].name];`,
    );
    expect(answers).toEqual(['undefined', 'billing']);
  });

  it.each([
    ['murlock', `app.get(page.AppService).someFunction({ id: '7' })`, 'AppService:someFunction:7'],
    ['nest-redlock', `app.get(page.ExampleService).addComment(7, 'hello')`, 'projects/7/comments'],
  ])('keep the keys of %s', async (name, call, key) => {
    const keys = await started<string[]>(
      name,
      `const keys = [];
      app.get(LockManager).subscribe((event) => {
        if (event.type === 'acquired') keys.push(...event.resources);
      });
      await ${call};
      return keys;`,
    );
    expect(keys).toEqual([key]);
  });

  it.each([
    ['long-job', 'CleanupService', 'service.daily().then(() => service.cleaned)', ['ada', 'bob']],
    ['guide', 'TasksService', `service.healthCheck().then(() => 'done')`, 'done'],
    ['schedule', 'ReportsService', `service.refresh().then(() => 'done')`, 'done'],
    [
      'dynamic-job',
      'TenantsService',
      `(async () => {
        service.add('7', '* * * * * *');
        while (service.billed.length === 0) await new Promise((r) => setTimeout(r, 10));
        service.remove('7');
        service.add('7', '0 0 * * * *');
        return service.billed[0];
      })()`,
      '7',
    ],
    ['shedlock', 'BillingTasks', `service.bill()`, 'billed'],
    ['policies', 'BillingService', `service.nightly()`, 'billed'],
    [
      'leader',
      'OutboxService',
      `(async () => {
        while (service.status() !== 'sends') await new Promise((r) => setTimeout(r, 10));
        return typeof (await service.send());
      })()`,
      'number',
    ],
    ['inject', 'PaymentsService', `service.pay('7')`, 'paid 7 under invoice'],
  ])('run under their locks: %s', async (name, service, call, outcome) => {
    const told = await outcomeOf<unknown>(
      name,
      `class AppModule {}
      Module({
        imports: [
          ScheduleModule.forRoot(),
          QuorlockModule.forRoot({ nodes: [memoryNode()], strictKeys: true }),
        ],
        providers: [page.${service}],
      })(AppModule);
      const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
      const service = app.get(page.${service});
      return ${call};`,
    );
    expect(told).toEqual(outcome);
  });

  it('answer two requests at once as the page shows', async () => {
    const address = await started<string>('http', 'return app.getUrl();');
    const pay = async (): Promise<string> => {
      const answer = await fetch(`${address}/invoices/7/pay`, { method: 'POST' });
      const retryAfter = answer.headers.get('retry-after');
      const shown = retryAfter === null ? '' : ` Retry-After: ${retryAfter}`;
      return `${answer.status}${shown} ${await answer.text()}`;
    };
    const answers = await Promise.all([pay(), pay()]);
    expect(answers.sort()).toEqual(
      blockNamed(pageOf('docs/nestjs.md'), 'http-answers').code.trim().split('\n'),
    );
  });

  it('serve every metric', async () => {
    const address = await started<string>('metrics', 'return app.getUrl();');
    const answer = await fetch(`${address}/metrics`);
    const page = await answer.text();
    expect(METRIC_NAMES.filter((metric) => !page.includes(`# TYPE ${metric} `))).toEqual([]);
  });
});
