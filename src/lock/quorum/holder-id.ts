import { randomFillSync } from 'node:crypto';

const ID_BYTES = 16;
const POOL_IDS = 256;
const pool = Buffer.alloc(ID_BYTES * POOL_IDS);
let used = pool.length;

/**
 * A new holder id: 128 random bits, so that nobody can guess or repeat it, and the holder's name, if it has
 * one, which `inspect` shows. The random bytes are made for many ids at once, because one call of node:crypto
 * for each would cost more than the rest.
 */
export function newHolderId(holder: string): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = pool.toString('hex', used, used + ID_BYTES);
  used += ID_BYTES;
  return holder === '' ? id : `${id}@${holder}`;
}

/**
 * The holder's name in a holder id. `undefined` if the id is another library's, or if the name is none that a
 * holder may have: the name goes into messages and logs, and others may write to the node.
 */
export const holderOf = (holderId: string): string | undefined =>
  /^[^@]*@([\x21-\x7e]{1,128})$/.exec(holderId)?.[1];
