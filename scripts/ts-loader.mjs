/**
 * Lets Node run the TypeScript sources as they are: `node --import ./scripts/ts-loader.mjs some-file.ts`. Nothing is
 * checked here, `npm run check` does that.
 */
import { register } from 'node:module';

register('./ts-hooks.mjs', import.meta.url);
process.setSourceMapsEnabled(true);
