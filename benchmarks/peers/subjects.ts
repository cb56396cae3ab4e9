/** A library with its settings, by its name in the table. */
export interface Subject {
  readonly name: string;
  readonly version: string;
  readonly setting: 'defaults' | 'safest';
  /** The url of its adapter. */
  readonly adapter: string;
}

const own = (file: string): string => new URL(`./adapters/${file}`, import.meta.url).href;

const PEERS = [
  ['redlock', '5.0.0-beta.2', own('redlock.ts')],
  ['@sesamecare-oss/redlock', '1.4.0', own('sesamecare.ts')],
  ['redis-semaphore', '5.8.0', own('redis-semaphore.ts')],
  ['redlock-universal', '0.8.5', own('redlock-universal.ts')],
] as const;

/** quorlock appears once, because its defaults are its safest settings. */
export const SUBJECTS: readonly Subject[] = [
  {
    name: 'quorlock',
    version: 'this tree',
    setting: 'defaults',
    adapter: new URL('../../test/faults/harness/quorlock-adapter.ts', import.meta.url).href,
  },
  ...PEERS.flatMap(([name, version, adapter]) =>
    (['defaults', 'safest'] as const).map((setting) => ({ name, version, setting, adapter })),
  ),
];
