/** Runs the fault harness: see test/faults/harness/main.ts for its options. */
import './ts-loader.mjs';

await import(new URL('../test/faults/harness/main.ts', import.meta.url).href);
