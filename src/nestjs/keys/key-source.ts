import { assertResource } from '../../index.js';
import { show } from '../check-options.js';

/** What a decorator may give as its key: one, or several that are acquired all or nothing. */
export type Keys = string | readonly string[];

/** Where a fixed key continues with a value of each call, such as `'user.id'`. */
export type KeyPath = string;

const LONGEST_PATH = 200;

/**
 * Throws a `TypeError` or a `RangeError` for keys in a decorator that no manager would lock, and for a path
 * that cannot lead anywhere. What a key function returns is checked at each call.
 */
export function assertKeys(where: string, key: unknown, keyPath: unknown): void {
  if (keyPath !== undefined) assertPath(where, key, keyPath);
  if (key === undefined || typeof key === 'function') return;
  if (typeof key === 'string') return assertResource(key, `${where}: key`);
  if (!Array.isArray(key))
    throw new TypeError(
      `${where}: key must be a string or a function, got ${show(key)}; or a list of strings`,
    );
  if (key.length === 0) throw new RangeError(`${where}: key must name at least one resource, got []`);
  for (const one of key as unknown[]) assertResource(one, `${where}: key`);
}

function assertPath(where: string, key: unknown, keyPath: unknown): void {
  if (typeof keyPath !== 'string')
    throw new TypeError(`${where}: keyPath must be a string, got ${show(keyPath)}`);
  if (keyPath.length > LONGEST_PATH || !/^[^.\s]+(\.[^.\s]+)*$/.test(keyPath)) {
    throw new RangeError(
      `${where}: keyPath must be 1 to ${LONGEST_PATH} characters, names with dots between them, such as ` +
        `'user.id', got ${show(keyPath)}`,
    );
  }
  if (key !== undefined && typeof key !== 'string')
    throw new TypeError(
      `${where}: keyPath continues a key that is a string: it excludes a function or a list`,
    );
}

/**
 * What the key function of a method or handler gave, as a list. The manager checks the keys as well, but
 * cannot say whose they are.
 */
export function keysGivenTo(method: string, given: Keys): readonly string[] {
  const keys: readonly string[] = Array.isArray(given) ? given : [given];
  const where = `the key of ${method}`;
  if (keys.length === 0) throw new RangeError(`${where} must name at least one resource, got []`);
  for (const key of keys) assertResource(key, where);
  return keys;
}

/** Whether a key depends on the call. */
export const isOfCall = ({ key, keyPath }: { readonly key?: unknown; readonly keyPath?: unknown }): boolean =>
  typeof key === 'function' || keyPath !== undefined;

/**
 * The key of a call: the fixed one, and after a colon the value to which the path leads.
 *
 * @throws TypeError when that is no text, number or the like: a wrong key would lock what it should not.
 */
export function keyAt(fixed: string, keyPath: KeyPath, args: readonly unknown[]): string {
  const value = valueAt(keyPath, args);
  const isText = typeof value === 'string' && value !== '';
  // NaN is what a conversion of nothing gives: one lock for all that have no id.
  if (isText || Number.isFinite(value) || typeof value === 'bigint' || typeof value === 'boolean')
    return `${fixed}:${String(value)}`;
  throw new TypeError(`keyPath '${keyPath}' of the lock "${fixed}" leads to ${show(value)}, which is no key`);
}

/** A path begins in the first argument, or in the one whose number it begins with, from 0. */
function valueAt(keyPath: KeyPath, args: readonly unknown[]): unknown {
  const names = keyPath.split('.');
  const isNumbered = /^\d+$/.test(names[0]!);
  let value: unknown = isNumbered ? args : args[0];
  for (const name of names) {
    if (value === undefined || value === null) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}
