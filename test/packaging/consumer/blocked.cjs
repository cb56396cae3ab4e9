/**
 * Blocks the event loop for longer than a lease's TTL, and prints whether the lease was kept. Loads by
 * `require` or `import`.
 */
const { setTimeout: sleep } = require('node:timers/promises');

async function main() {
  const { LockManager } = process.argv[2] === 'import' ? await import('quorlock') : require('quorlock');
  const nodes = JSON.parse(process.env.SOCKETS).map((path) => ({ path }));
  const warnings = [];
  const warn = (message) => void warnings.push(message);
  const locks = new LockManager({ nodes, maxStallMs: 60_000, restartQuarantine: 'off', ttlMs: 900, warn });
  let kept = false;
  // The thread needs some time to start, which depends on the machine.
  for (let attempt = 0; attempt < 20 && !kept; attempt++) {
    const lease = await locks.acquire('long-job', { waitMs: 30_000 });
    await sleep(300);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000);
    kept = lease.remainingMs() > 0;
    await lease.release();
  }
  await locks.close();
  const isCommonJs = Object.keys(require.cache).some((file) => file.includes('quorlock/dist/cjs/'));
  console.log(JSON.stringify({ kept, warnings, isCommonJs }));
}

void main();
