/** The demo of `npm run demo`, run from its TypeScript sources. See examples/demo/main.ts. */
import './ts-loader.mjs';

// Ctrl-C reaches every process of the terminal, but a signal that only npm gets does not get past its shell.
const { ppid } = process;
if (process.env['npm_lifecycle_event'] === 'demo') {
  setInterval(() => {
    if (process.ppid !== ppid) process.kill(process.pid, 'SIGTERM');
  }, 200).unref();
}

const { main } = await import('../examples/demo/main.js');
await main(process.argv.slice(2));
