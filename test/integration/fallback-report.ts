/** A lease that a worker of postgres-fallback.test.ts held. Instants are milliseconds on one clock. */
export interface HeldReport {
  readonly from: number;
  readonly to: number;
  readonly token: number;
  readonly fallback: boolean;
}
