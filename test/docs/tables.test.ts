import { afterAll, describe, expect, it } from '@jest/globals';
import { LOCK_DEFAULTS, LockManager, memoryNode, QuorumUnreachableError } from '../../src/index.js';
import { DistributedLock } from '../../src/nestjs/index.js';
import { DEFAULT_TTL_MS } from '../../src/nestjs/lock-settings.js';
import { boundsOf } from './bounds.js';
import { pageOf, plain, tableOf, type Row } from './markdown.js';
import { Workspace } from './workspace.js';

const page = pageOf('docs/options.md');
const optionRows = tableOf(page, 'option');
const decoratorRows = tableOf(page, 'decorator option');
const runSettingRows = tableOf(page, 'run setting');
const moduleRows = tableOf(page, 'module option');
const electRows = tableOf(page, 'elect option');
const runRows = tableOf(page, 'run option');
const metricsRows = tableOf(page, 'metrics option');

const namesIn = (rows: readonly Row[], column: string): string[] => rows.map((row) => plain(row[column]));
const managerRows = optionRows.filter((row) => row['of'] !== 'acquire');
const acquireRows = optionRows.filter((row) => row['of'] !== 'manager');

/** The options that an error lists when it is given one that does not exist. */
async function knownTo(take: (options: object) => unknown): Promise<string[]> {
  try {
    await take({ nonsense: true });
  } catch (error) {
    const [, list] = /the options are (.*)$/.exec((error as Error).message) ?? [];
    if (list !== undefined) return list.split(', ');
  }
  throw new Error('an unknown option was not refused');
}

const locks = new LockManager({ nodes: [memoryNode()] });
afterAll(() => locks.close());

let resources = 0;
/** Takes the options as a call would; a refusal of the options is what is looked for. */
const takers: Readonly<Record<'manager' | 'acquire' | 'decorator', (options: object) => unknown>> = {
  manager: (options: object) => {
    // Another thread makes its nodes anew: one that nobody answers for will do.
    const nodes = 'maxStallMs' in options ? ['redis://127.0.0.1:1'] : [memoryNode()];
    void new LockManager({ nodes, ...options }).close();
  },
  acquire: async (options: object) => (await locks.acquire(`r${resources++}`, options)).release(),
  decorator: (options: object) => {
    const descriptor = { value: async () => undefined, configurable: true };
    DistributedLock(options)(class {}.prototype, 'run', descriptor);
  },
};

/** What an option needs to be given with it. */
const NEEDED: Readonly<Record<string, object>> = {
  wait: { onHeld: 'wait' },
  attempts: { tick: 1, retry: true },
};

describe('the option tables', () => {
  it('name the options of LockManager, acquire and @DistributedLock, and no others', async () => {
    expect(namesIn(managerRows, 'option').sort()).toEqual((await knownTo(takers.manager)).sort());
    expect(namesIn(acquireRows, 'option').sort()).toEqual((await knownTo(takers.acquire)).sort());
    const ofDecorator = [
      ...namesIn(decoratorRows, 'decorator option'),
      ...namesIn(runSettingRows, 'run setting'),
    ];
    expect(ofDecorator.sort()).toEqual((await knownTo(takers.decorator)).sort());
  });

  it('name what the types have', () => {
    const union = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(' | ');
    const table = (rows: readonly Row[], column: string): string => union(namesIn(rows, column));
    const handler = decoratorRows.filter((row) => plain(row['decorator option']) !== 'once');
    const workspace = new Workspace();
    workspace.add(
      'tables.ts',
      `import type { AcquireOptions, ElectionOptions, LockManagerOptions, RunOnceOptions } from 'quorlock';
import type { DistributedLockOptions, LockedHandlerOptions } from 'quorlock/nestjs';
import type { QuorlockModuleExtras, QuorlockModuleOptions, RunSettings } from 'quorlock/nestjs';
import type { LockMetricsOptions } from 'quorlock/prometheus';
type Differ<A, B> = Exclude<A, B> | Exclude<B, A>;
type OfManager = Exclude<keyof LockManagerOptions, 'nodes'>;
type OfDecorator = Exclude<keyof DistributedLockOptions, keyof RunSettings>;
type OfRun = Exclude<keyof RunOnceOptions, keyof AcquireOptions> | 'tick' | 'attempts';
type Module = Exclude<keyof (QuorlockModuleOptions & QuorlockModuleExtras), OfManager>;
export type Difference =
  | Differ<keyof LockManagerOptions, ${table(managerRows, 'option')}>
  | Differ<keyof AcquireOptions, ${table(acquireRows, 'option')}>
  | Differ<OfDecorator, ${table(decoratorRows, 'decorator option')}>
  | Differ<keyof RunSettings, ${table(runSettingRows, 'run setting')}>
  | Differ<keyof LockedHandlerOptions, ${table(handler, 'decorator option')}>
  | Differ<keyof ElectionOptions, ${table(electRows, 'elect option')}>
  | Differ<OfRun, ${table(runRows, 'run option')}>
  | Differ<Module, ${table(moduleRows, 'module option')}>
  | Differ<keyof LockMetricsOptions, ${table(metricsRows, 'metrics option')}>;
declare const difference: Difference;
export const none: never = difference;
`,
    );
    const complaints = workspace.complaints();
    workspace.remove();
    expect(complaints).toBe('');
  });

  it('have the defaults of the code', () => {
    const special: Readonly<Record<string, string>> = {
      nodeTimeoutMs: `the smaller of ${LOCK_DEFAULTS.nodeTimeoutMs} and ttlMs / 3`,
      nodes: 'required',
      holder: 'host:pid',
      warn: 'process.emitWarning',
    };
    const defaults: Readonly<Record<string, string | number | boolean>> = { ...LOCK_DEFAULTS, ...special };
    for (const row of optionRows) {
      const option = plain(row['option']);
      expect({ option, default: plain(row['default']) }).toEqual({
        option,
        default: String(defaults[option] ?? 'none'),
      });
    }
    const ofDecorator = (option: string): string | undefined =>
      plain(decoratorRows.find((row) => plain(row['decorator option']) === option)?.['default']);
    expect(ofDecorator('ttl')).toBe(`${DEFAULT_TTL_MS / 1_000}, or the module's ttlMs`);
    expect(ofDecorator('retries')).toBe(String(LOCK_DEFAULTS.retries));
    expect(ofDecorator('retryDelay')).toBe(String(LOCK_DEFAULTS.retryDelayMs));
    expect(ofDecorator('minHold')).toBe(String(LOCK_DEFAULTS.minHoldMs));
    expect(ofDecorator('autoExtend')).toBe(String(LOCK_DEFAULTS.autoExtend));
  });

  const bounded = [
    ...optionRows.map((row) => ({
      option: plain(row['option']),
      row,
      take: row['of'] === 'acquire' ? takers.acquire : takers.manager,
    })),
    ...decoratorRows.map((row) => ({
      option: plain(row['decorator option']),
      row,
      take: takers.decorator,
    })),
    ...runSettingRows.map((row) => ({ option: plain(row['run setting']), row, take: takers.decorator })),
  ].flatMap(({ option, row, take }) => {
    const bounds = boundsOf(plain(row['bounds']), row['unit']);
    const title = take === takers.decorator ? `${option} of @DistributedLock` : option;
    return bounds === undefined ? [] : [[title, { ...bounds, option, take }] as const];
  });

  it('have bounds for all that is counted or measured', () => {
    const measured = [...optionRows, ...decoratorRows, ...runSettingRows].filter((row) => row['unit'] !== '');
    expect(measured.filter((row) => boundsOf(plain(row['bounds']), row['unit']) === undefined)).toEqual([]);
    expect(bounded.length).toBeGreaterThan(measured.length);
  });

  it.each(bounded)(
    'tell the bounds of %s: they are accepted, and what is beyond is refused with its name',
    async (_, { option, least, most, below, above, take }) => {
      // What the decorator's attempts need, the module may have.
      const isNeeded = take === takers.acquire || (take === takers.decorator && option === 'wait');
      const needed = isNeeded ? NEEDED[option] : {};
      const given = async (value: unknown): Promise<void> => {
        try {
          await take({ ...needed, [option]: value });
        } catch (error) {
          // The nodes refuse a tick that is far ahead of their time.
          if (option !== 'tick' || !(error instanceof QuorumUnreachableError)) throw error;
        }
      };
      await given(least);
      await given(most);
      for (const value of [below, above]) {
        await expect(given(value)).rejects.toThrow(RangeError);
        await expect(given(value)).rejects.toThrow(option);
      }
    },
  );
});

describe('the table of the environment', () => {
  it('names every variable that is read, and no other', () => {
    const told = tableOf(page, 'variable').map((row) => plain(row['variable']));
    const source = pageOf('src/nestjs/environment.ts');
    const read = source.matchAll(/\(environment, '([A-Z_]+)'\)/g);
    expect(new Set(told)).toEqual(new Set([...read].map((match) => match[1])));
  });
});
