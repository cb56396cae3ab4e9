import type { ExecutionContext } from '@nestjs/common';
import type { KeyPath, Keys } from '../keys/key-source.js';
import type { NormalizedOptions } from '../normalize-options.js';

/** A handler with `@LockedHandler()`, as its metadata describes it. */
export interface LockedHandlerMetadata {
  readonly key: Keys | ((context: ExecutionContext) => Keys | Promise<Keys>) | undefined;
  readonly keyPath: KeyPath | undefined;
  readonly onHeld: 'throw' | 'wait';
  readonly onUnavailable: 'throw' | 'run';
  /** The name of the module instance that locks it. */
  readonly locks: string;
  readonly normalizedOptions: NormalizedOptions;
}

/** The metadata key under which `@LockedHandler()` describes a handler. */
export const LOCKED_HANDLER = 'quorlock:locked-handler';

/** The description of a handler; `undefined` without `@LockedHandler()`. */
export const lockedHandlerMetadataOf = (handler: unknown): LockedHandlerMetadata | undefined =>
  typeof handler === 'function'
    ? (Reflect.getMetadata(LOCKED_HANDLER, handler) as LockedHandlerMetadata | undefined)
    : undefined;
