/** Prints what becomes of an acquisition from a url, where no client library is installed. */
async function main() {
  const { LockManager } = process.argv[2] === 'import' ? await import('quorlock') : require('quorlock');
  const locks = new LockManager({ nodes: ['redis://127.0.0.1:1'], warn: () => undefined });
  const error = await locks.acquire('a').catch((thrown) => thrown);
  console.log(`${error.name}: ${error.message}`);
  await locks.close();
}

void main();
