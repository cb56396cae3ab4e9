import type { NodeSnapshot } from 'quorlock';
import type { JobSettings } from './plan.js';
import type { EndEntry, StartEntry } from './record.js';

/**
 * The settings of a worker: JSON in its environment, because decorators need them when the class is defined.
 */
export interface WorkerSettings {
  readonly name: string;
  readonly nodes: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  /** How many nodes it must have reached to be ready: some are away when it replaces another worker. */
  readonly nodesNeeded: number;
  readonly jobs: JobSettings;
  readonly recordPath: string;
}

export const SETTINGS_VARIABLE = 'QUORLOCK_DEMO_WORKER';

/**
 * From a worker to the demo: what the demo shows as it happens. The figures of the summary come from
 * elsewhere.
 */
export type WorkerMessage =
  | { readonly type: 'ready'; readonly metricsPort: number }
  | { readonly type: 'started'; readonly entry: StartEntry }
  | { readonly type: 'ended'; readonly entry: EndEntry }
  | { readonly type: 'extended'; readonly job: string }
  | { readonly type: 'node'; readonly node: NodeSnapshot }
  | { readonly type: 'warning'; readonly text: string }
  | { readonly type: 'finished' };

/**
 * From the demo to a worker: `finish` ends all jobs; `exit`, after the metrics were read, closes and exits.
 */
export type DemoMessage = 'finish' | 'exit';
