/** How many slots a Redis Cluster divides its keys into. */
export const SLOTS = 16_384;

/** CRC16/XMODEM, a byte at a time. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc & 0xffff;
});

/**
 * The hash tag of a key, by the Redis Cluster specification: what stands in the first braces that are not
 * empty.
 */
export function hashTagOf(key: string): string | undefined {
  const open = key.indexOf('{');
  if (open < 0) return undefined;
  const close = key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : undefined;
}

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

/** Hash tags by their slots, as far as they were looked for. */
const tags = new Map<number, string>();
let tried = 0;

/** A hash tag that leads to this slot: the first number that does, so that all clients take the same one. */
export function tagIn(slot: number): string {
  for (; !tags.has(slot); tried++) {
    const found = slotOf(String(tried));
    if (!tags.has(found)) tags.set(found, String(tried));
  }
  return tags.get(slot)!;
}
