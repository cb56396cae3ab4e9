/**
 * Lets Node run the TypeScript sources as they are: `node --import ./scripts/ts-loader.mjs some-file.ts`.
 * It checks no types; `npm run check` does.
 */
import { register } from 'node:module';

register('./ts-hooks.mjs', import.meta.url);
process.setSourceMapsEnabled(true);
