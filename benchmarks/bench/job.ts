import type { Setting } from './subjects.js';

/** What one process is to do. Times are milliseconds. */
export type Job = {
  readonly subject: string;
  readonly setting: Setting;
  readonly sockets: readonly string[];
} & (
  | { readonly kind: 'cycles'; readonly inFlight: number; readonly warmMs: number; readonly ms: number }
  | { readonly kind: 'open load'; readonly perSecond: number; readonly warmMs: number; readonly ms: number }
  | { readonly kind: 'contended'; readonly waiters: number; readonly holdMs: number; readonly ms: number }
  | { readonly kind: 'held'; readonly leases: number; readonly ttlMs: number; readonly ms: number }
  | { readonly kind: 'keys'; readonly keys: number }
);

/** Figures by name; a contended job also tells of each hold when it was got and when its release was called. */
export interface Report {
  readonly figures: Readonly<Record<string, number>>;
  readonly holds?: readonly (readonly [waiter: number, gotAt: number, releasedAt: number])[];
}

export type WorkerMessage =
  { readonly ready: true } | { readonly report: Report } | { readonly failure: string };
