/**
 * Loaded before the children of child.ts. TypeScript files run directly, and the child exits when the test
 * does.
 */
import '../../scripts/ts-loader.mjs';

process.once('disconnect', () => process.exit());
