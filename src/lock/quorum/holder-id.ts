import { randomFillSync } from 'node:crypto';

const ID_BYTES = 16;
const POOL_IDS = 256;
const pool = Buffer.alloc(ID_BYTES * POOL_IDS);
let used = pool.length;

/** A new holder id: 128 random bits, so that nobody guesses or repeats it, and the holder's name for `inspect`. */
export function newHolderId(holder: string): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = pool.toString('hex', used, used + ID_BYTES);
  used += ID_BYTES;
  return `${id}@${holder}`;
}

/**
 * The holder's name in a holder id; `undefined` where the id is another library's, or holds what no holder may be called:
 * it goes into messages and logs, and others may write to the node.
 */
export const holderOf = (holderId: string): string | undefined =>
  /^[^@]*@([\x21-\x7e]{1,128})$/.exec(holderId)?.[1];
