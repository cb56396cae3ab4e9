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
 * The slot of a key in a Redis Cluster, as CLUSTER KEYSLOT says. It is computed here because the package of
 * ioredis (cluster-key-slot 1.1) reads the tag `a` in the key `{}a}`, and a lock may have any name.
 */
export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashTagOf(key) ?? key))
    crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ byte]!;
  return crc % SLOTS;
}
