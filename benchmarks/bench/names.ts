/**
 * The keys of all subjects contain it, whatever a library puts around a name. On the user's own servers
 * nothing else is removed.
 */
export const BENCH_NAME = 'qlbench';
