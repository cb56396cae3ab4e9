import { MARKER, SHARD_MARKER } from '../../node/reserved-names.js';
import { shown } from './checks.js';

const LONGEST_RESOURCE_BYTES = 512;
const MOST_RESOURCES = 64;
/** How the keys beside a lock key end. */
const FENCE_KEYS = /:fence(:(wait|run|history|success))?$/;

/**
 * Checks the resources of a call: one or several, each 1 to 512 bytes without control characters. Returns
 * them sorted.
 */
export function resolveResources(resource: string | readonly string[]): readonly string[] {
  if (!Array.isArray(resource)) {
    assertResource(resource);
    return [resource];
  }
  const resources: readonly unknown[] = resource;
  if (resources.length < 1 || resources.length > MOST_RESOURCES) {
    throw new RangeError(`resources must be 1 to ${MOST_RESOURCES}, got ${resources.length}`);
  }
  const names = resources.map((one) => {
    assertResource(one);
    return one;
  });
  const unique = new Set(names);
  if (unique.size < names.length) {
    const twice = names.find((name, index) => names.indexOf(name) < index);
    throw new RangeError(`resources must differ, got ${shown(twice)} twice`);
  }
  // Sorted, so that two claimants of the same pair meet on the same key first.
  return [...unique].sort();
}

/** Most resources are plain ASCII; the others are checked further. */
const PLAIN = /^[\x20-\x7e]+$/;

/**
 * Throws a TypeError or a RangeError unless `resource` is the name of a resource that can be locked: 1 to 512
 * bytes of well-formed text without control characters, and none of the names under which the nodes keep
 * their own keys. `what` is its name in the message.
 */
export function assertResource(resource: unknown, what: string = 'resource'): asserts resource is string {
  if (typeof resource !== 'string') throw new TypeError(`${what} must be a string, got ${shown(resource)}`);
  const bytes = Buffer.byteLength(resource);
  if (bytes < 1 || bytes > LONGEST_RESOURCE_BYTES) {
    throw new RangeError(`${what} must have 1 to ${LONGEST_RESOURCE_BYTES} bytes, got ${bytes}`);
  }
  if (!PLAIN.test(resource)) assertText(resource, what);
  assertNotReserved(resource, what);
}

function assertText(resource: string, what: string): void {
  if (/\p{Cc}/u.test(resource)) {
    throw new RangeError(
      `${what} must not have control characters, got ${JSON.stringify(resource).slice(0, 80)}`,
    );
  }
  // Redis would store each of them as the same replacement character.
  if (/\p{Cs}/u.test(resource)) {
    throw new RangeError(
      `${what} must be well-formed Unicode, got half a pair: ${JSON.stringify(resource).slice(0, 80)}`,
    );
  }
}

/** The names under which the nodes keep their own keys. */
function assertNotReserved(resource: string, what: string): void {
  const marker = resource.endsWith(':long') ? resource.slice(0, -5) : resource;
  if (marker === MARKER || SHARD_MARKER.test(marker)) {
    throw new RangeError(
      `${what} must not be ${shown(resource)}, where a node keeps what it knows of itself`,
    );
  }
  if (FENCE_KEYS.test(resource)) {
    throw new RangeError(
      `${what} must not end in ":fence", ":fence:wait", ":fence:run", ":fence:history" or ` +
        `":fence:success", where counters, waiters and runs are kept, got ${shown(resource)}`,
    );
  }
}
