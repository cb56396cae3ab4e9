/** What the proxy is asked, and what it answers. */

/** A server that is to be reached through the proxy, and how long each direction takes. */
export interface Route {
  readonly host: string;
  readonly port: number;
  readonly delayMs: number;
}

/** Opens a port for each route; or asks how late parcels were since the last such question. */
export type ProxyOrder =
  { readonly kind: 'open'; readonly routes: readonly Route[] } | { readonly kind: 'lateness' };

export interface ProxyAnswer {
  readonly ports?: readonly number[];
  /** The median, and the 99th percentile. */
  readonly lateMs?: readonly [p50: number, p99: number];
}
