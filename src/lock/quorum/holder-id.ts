import { randomBytes } from 'node:crypto';

/** 128 bits, in hexadecimal digits. */
const ID_DIGITS = 32;
const POOL_IDS = 256;
/** Random digits that no id has yet, from `used` on. */
let pool = '';
let used = 0;

/**
 * A new holder id: 128 random bits, so that nobody can guess or repeat it, and the holder's name, if it has
 * one, which `inspect` shows. The digits are made for many ids at once, because one call of node:crypto for
 * each would cost more than the rest.
 */
export function newHolderId(holder: string): string {
  if (used === pool.length) {
    pool = randomBytes((ID_DIGITS / 2) * POOL_IDS).toString('hex');
    used = 0;
  }
  const id = pool.slice(used, used + ID_DIGITS);
  used += ID_DIGITS;
  return holder === '' ? id : `${id}@${holder}`;
}

/**
 * The holder's name in a holder id. `undefined` if the id is another library's, or if the name is none that a
 * holder may have: the name goes into messages and logs, and others may write to the node.
 */
export const holderOf = (holderId: string): string | undefined =>
  /^[^@]*@([\x21-\x7e]{1,128})$/.exec(holderId)?.[1];
