/** Loaded before a child of child.ts: TypeScript runs as it is, and the child goes when the test does. */
import '../../scripts/ts-loader.mjs';

process.once('disconnect', () => process.exit());
