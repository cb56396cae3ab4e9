/** The names of the cells. The runs write them, and the targets read them. */
export const uncontendedCell = (nodes: number, inFlight: number): string =>
  `N = ${nodes}, ${inFlight} in flight`;

export const openCell = (rate: number): string => `${rate.toLocaleString('en-US')} arrivals a second`;

export const contendedCell = (waiters: number, processes: number, holdMs: number): string =>
  `${waiters} waiters, ${processes === 1 ? '1 process' : `${processes} processes`}, hold ${holdMs} ms`;

export const waitingCell = (waiters: number, processes: number, resources: number): string =>
  `${waiters.toLocaleString('en-US')} waiters, ${processes} processes, ` +
  (resources === 1 ? '1 resource' : `${resources.toLocaleString('en-US')} resources`);

/** `ttlMs` where it is not that of the whole table. */
export const heldCell = (leases: number, ttlMs?: number): string =>
  `${leases.toLocaleString('en-US')} leases${ttlMs === undefined ? '' : `, TTL ${ttlMs / 1_000} s`}`;

/** `fault` is `stopped` or `killed`. */
export const downCell = (count: number, fault: string): string =>
  count === 0 ? `healthy, before ${fault}` : `${count} of 5 ${fault}`;

export const keysCell = (count: number): string => `${count.toLocaleString('en-US')} keys`;

/** `farMs` is how far one of the nodes is, if it is further than the others. */
export const distanceCell = (delayMs: number, inFlight: number, farMs?: number): string =>
  `${delayMs} ms each way${farMs === undefined ? '' : `, one node ${farMs} ms`}, ${inFlight} in flight`;

export const inFlightCell = (inFlight: number): string => `${inFlight} in flight`;

/** The most leases, and for how long they are taken: extended at a third of it, 25,000 times a second. */
export const MOST_LEASES = 1_000_000;
export const MOST_LEASES_TTL_MS = 120_000;
export const MILLION_CELL = heldCell(MOST_LEASES, MOST_LEASES_TTL_MS);
