import { LockManager } from 'quorlock';
import { FileNode } from '../../examples/file-node/file-node.js';

/** Tries to acquire over a node in a file that another process uses, and tells what came of it. */
const locks = new LockManager({ nodes: [new FileNode(process.argv[2]!)], warn: () => undefined });

void locks
  .acquire('invoice:7')
  .then(
    () => 'granted',
    ({ code, reason }: { code: string; reason: string }) => `${code} ${reason}`,
  )
  .then(async (outcome) => {
    process.send?.(outcome);
    await locks.close();
    process.disconnect?.();
  });
