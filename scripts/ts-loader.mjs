/**
 * Lets Node run the TypeScript sources as they are: `node --import ./scripts/ts-loader.mjs some-file.ts`.
 * It checks no types; `npm run check` does.
 */
import { addModuleHooks } from './module-hooks.mjs';

await addModuleHooks(new URL('./ts-hooks.mjs', import.meta.url));
process.setSourceMapsEnabled(true);
