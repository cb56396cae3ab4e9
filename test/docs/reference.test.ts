import { describe, expect, it } from '@jest/globals';
import * as quorlock from '../../src/index.js';
import { LockError, LockManager, memoryNode, RunTimeoutError } from '../../src/index.js';
import * as cron from '../../src/cron/index.js';
import * as nodeCron from '../../src/node-cron/index.js';
import * as nestjs from '../../src/nestjs/index.js';
import * as node from '../../src/node/index.js';
import * as prometheus from '../../src/prometheus/index.js';
import * as redlock from '../../src/redlock/index.js';
import * as testing from '../../src/testing/index.js';
import * as labels from '../../src/prometheus/label-values.js';
import { codeIn, pageOf, plain, tableOf, type Row } from './markdown.js';
import { Workspace } from './workspace.js';

const apiPage = pageOf('docs/events-and-api.md');
const errorPage = pageOf('docs/errors-and-troubleshooting.md');

/** The names in the first column, without their arguments. */
const namesIn = (rows: readonly Row[], column: string): string[] =>
  rows.map((row) => plain(row[column]).replace(/\(.*$/, ''));

describe('the tables of the API', () => {
  it('name every method, member, field and event, and no other', () => {
    const union = (firstColumn: string): string =>
      namesIn(tableOf(apiPage, firstColumn), firstColumn)
        .map((name) => `'${name}'`)
        .join(' | ');
    const workspace = new Workspace();
    workspace.add(
      'tables.ts',
      `import type { Inspection, Lease, LockEvent, LockManager } from 'quorlock';
type Differ<A, B> = Exclude<A, B | symbol> | Exclude<B, A>;
export type Difference =
  | Differ<keyof LockManager, ${union('method')}>
  | Differ<keyof Lease, ${union('member')}>
  | Differ<keyof Inspection, ${union('field')}>
  | Differ<LockEvent['type'], ${union('event')}>;
declare const difference: Difference;
export const none: never = difference;
`,
    );
    const complaints = workspace.complaints();
    workspace.remove();
    expect(complaints).toBe('');
  });

  it.each([
    ['quorlock', quorlock],
    ['quorlock/nestjs', nestjs],
    ['quorlock/node', node],
    ['quorlock/prometheus', prometheus],
    ['quorlock/redlock', redlock],
    ['quorlock/testing', testing],
    ['quorlock/cron', cron],
    ['quorlock/node-cron', nodeCron],
  ])('name everything that %s exports', (_, exported) => {
    const isTold = (name: string): boolean => `${apiPage}${errorPage}`.includes(`\`${name}`);
    expect(Object.keys(exported).filter((name) => !isTold(name))).toEqual([]);
  });
});

describe('the errors table', () => {
  const rows = tableOf(errorPage, 'class');

  it('has a row for each class of error, with its code', async () => {
    const manager = new LockManager({ nodes: [memoryNode()] });
    const lease = await manager.acquire('held');
    const dead = memoryNode();
    dead.markMisconfigured?.('for this test');
    const unreachable = new LockManager({ nodes: [dead] });
    const errors: unknown[] = [
      await manager.acquire('held').catch((error: unknown) => error),
      await unreachable.acquire('free').catch((error: unknown) => error),
    ];
    await Promise.all([manager.close(), unreachable.close()]);
    errors.push(lease.signal.reason, await manager.acquire('free').catch((error: unknown) => error));
    errors.push(new RunTimeoutError(['slow'], 7));

    const classes = Object.values(quorlock).filter(
      (value) => typeof value === 'function' && value.prototype instanceof LockError,
    ) as (typeof LockError)[];
    const actual = errors.map((error) => {
      expect(error).toBeInstanceOf(LockError);
      return { class: (error as LockError).name, code: (error as LockError).code };
    });
    expect(actual.map((error) => error.class).sort()).toEqual(classes.map(({ name }) => name).sort());
    expect(rows.map((row) => ({ class: plain(row['class']), code: plain(row['code']) }))).toEqual(actual);
  });

  it('names every reason of a lost lease', () => {
    const told = codeIn(rows.find((row) => plain(row['class']) === 'LeaseLostError')?.['when']);
    expect(told.filter((word) => word !== 'reason').sort()).toEqual(
      [...labels.LOSS_REASONS, 'released', 'transferred'].sort(),
    );
  });
});

describe('the table of votes', () => {
  it('has a row for each vote that tells nothing about the lock', () => {
    expect(namesIn(tableOf(errorPage, 'vote'), 'vote').sort()).toEqual([...labels.FAILED_VOTES].sort());
  });
});
