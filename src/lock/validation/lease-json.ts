import { shortened } from '../../api/bounded-text.js';
import type { LeaseJson } from '../../api/lease.js';
import type { AcquireOptions, AdoptOptions } from '../../api/options.js';
import type { ResolvedManagerOptions } from '../../api/resolved-options.js';
import {
  checkBoolean,
  checkInteger,
  checkKnownOptions,
  checkName,
  checkTtlMs,
  optionsOf,
  shown,
} from './checks.js';
import { resolveResources } from './resources.js';

const FORMAT = 1;
/** A holder id of ours, or one of another library: printable, and no longer than ours can be. */
const HOLDER_ID = /^[\x21-\x7e]{1,256}$/;

const FIELDS: ReadonlySet<string> = new Set(
  optionsOf<LeaseJson>({
    quorlock: true,
    keyPrefix: true,
    resources: true,
    name: true,
    holderId: true,
    token: true,
    ttlMs: true,
    transferred: true,
    tick: true,
    fallback: true,
  }),
);

const KNOWN_TO_ADOPT: ReadonlySet<string> = new Set(
  optionsOf<AdoptOptions>({
    ttlMs: true,
    autoExtend: true,
    minHoldMs: true,
    maxHoldMs: true,
    nodeTimeoutMs: true,
    name: true,
    signal: true,
  }),
);

/**
 * Checks a lease in plain data, which may come from anywhere. Throws a TypeError or RangeError that names the
 * field. The holder id is never shown: whoever knows it can take the lease.
 */
export function readLeaseJson(
  given: unknown,
  { keyPrefix: own, fallback }: Pick<ResolvedManagerOptions, 'keyPrefix' | 'fallback'>,
): LeaseJson {
  checkFields(given);
  const { quorlock, keyPrefix, resources, name, holderId, token, ttlMs, transferred, tick, ...rest } =
    given as Readonly<Record<keyof LeaseJson, unknown>>;
  if (quorlock !== FORMAT)
    throw new RangeError(`adopt: the lease must be written in the format ${FORMAT}, got ${shown(quorlock)}`);
  if (keyPrefix !== own) {
    const prefixes = `it has the keyPrefix ${shown(keyPrefix)}, this manager has ${shown(own)}`;
    throw new RangeError(`adopt: the lease is of other keys: ${prefixes}`);
  }
  if (typeof holderId !== 'string' || !HOLDER_ID.test(holderId))
    throw new TypeError('adopt: holderId must be the text that the lease was written with');
  if (tick !== undefined) throw new RangeError('adopt: the lease of a tick cannot be adopted');
  if (rest.fallback !== undefined)
    throw new RangeError('adopt: a lease that was taken in the fallback cannot be adopted');
  const isGivenAway = checkBoolean('transferred', transferred);
  if (!isGivenAway && fallback === 'node')
    throw new RangeError('adopt: with a database as the fallback, a lease has to be transferred first');
  if (!Array.isArray(resources)) throw new TypeError(`resources must be a list, got ${shown(resources)}`);
  return {
    quorlock: FORMAT,
    keyPrefix: own,
    resources: resolveResources(resources as readonly string[]),
    name: checkName(name),
    holderId,
    ...(token === undefined ? {} : { token: checkInteger('token', token, 1, Number.MAX_SAFE_INTEGER) }),
    ttlMs: checkTtlMs(ttlMs),
    transferred: isGivenAway,
  };
}

function checkFields(given: unknown): asserts given is object {
  if (typeof given === 'string')
    throw new TypeError('adopt takes a lease in plain data: parse the text first');
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new TypeError('adopt takes a lease in plain data, as its transfer or toJSON gave it');
  for (const field in given)
    if (!FIELDS.has(field)) throw new TypeError(`adopt: a lease has no field "${shortened(field)}"`);
}

/** The options of the acquire call that adopts the lease: its own TTL and name, unless others are given. */
export function adoptionOptions({ ttlMs, name }: LeaseJson, options: AdoptOptions): AcquireOptions {
  checkKnownOptions(options, KNOWN_TO_ADOPT, 'adopt');
  return {
    ...options,
    ttlMs: options.ttlMs ?? ttlMs,
    name: options.name ?? name,
    retries: 0,
    waitMs: 0,
    wait: false,
  };
}
