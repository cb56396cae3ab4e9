import { hashTagOf } from '../protocol/keys.js';

/** How many slots a Redis Cluster divides its keys into. */
export const SLOTS = 16_384;

/** CRC16/XMODEM, a byte at a time. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc & 0xffff;
});

/**
 * The slot of a key in a Redis Cluster, as CLUSTER KEYSLOT says. By hand, because the package that ioredis brings
 * (cluster-key-slot 1.1) takes `{}a}` for one with the tag `a`, and a lock's name may be anything.
 */
export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashTagOf(key) ?? key))
    crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ byte]!;
  return crc % SLOTS;
}
