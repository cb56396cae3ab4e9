/**
 * The exceptions of WebSocket gateways and microservices. Their packages are optional: each is loaded when
 * the application starts, if a decorated handler needs it.
 */
import { IntrinsicException } from '@nestjs/common';
import { sharedByCopies } from '../shared-by-copies.js';
import type { Caller } from './caller.js';
import { grpcStatusOf, payloadOf, type Refusal } from './refusal-facts.js';

/** Those of both packages take what is sent to the client. */
type ExceptionClass = new (payload: object) => Error;
export type MessageCaller = Extract<Caller, 'websocket' | 'grpc' | 'rpc'>;

/**
 * Stands for the exception of a package that could not be loaded. `LockExceptionFilter` sends it to the
 * client. A `WsException` that was made here counts as one: the filter of Nest 11 sends nothing to a
 * WebSocket of the package ws.
 */
export class LockMessageException extends IntrinsicException {
  static override [Symbol.hasInstance](value: unknown): value is LockMessageException {
    return typeof value === 'object' && value !== null && refusals.has(value);
  }

  constructor(readonly payload: object) {
    super('the lock was not acquired');
    refusals.add(this);
  }

  getError(): object {
    return this.payload;
  }
}

/** What `LockExceptionFilter` answers. */
const refusals = sharedByCopies('message-refusals:1', () => new WeakSet<object>());

const classes = new Map<Caller, ExceptionClass>();

type WebSockets = typeof import('@nestjs/websockets');
type Microservices = typeof import('@nestjs/microservices');

/** Loads the exception for this caller. Afterwards `toMessageException` knows it. */
export async function loadMessageException(caller: Caller): Promise<void> {
  if (classes.has(caller)) return;
  try {
    // A bundle is made without them where they are not installed: bundlers warn about an import that fails
    // inside `try`, and stop at any other.
    if (caller === 'websocket') {
      const { WsException } =
        typeof require === 'function'
          ? (require('@nestjs/websockets') as WebSockets)
          : await import('@nestjs/websockets');
      classes.set(caller, WsException);
    }
    if (caller === 'rpc' || caller === 'grpc') {
      const { RpcException } =
        typeof require === 'function'
          ? (require('@nestjs/microservices') as Microservices)
          : await import('@nestjs/microservices');
      classes.set(caller, RpcException);
    }
  } catch {
    // The package is not installed where it could be found from here: the exception of our own stands for it.
  }
}

/** A `WsException` or an `RpcException` that tells the client about a refusal. */
export function toMessageException(caller: MessageCaller, refusal: Refusal, cause: unknown): Error {
  const payload = caller === 'grpc' ? grpcStatusOf(refusal) : payloadOf(refusal);
  const exception = new (classes.get(caller) ?? LockMessageException)(payload);
  // Not enumerable, as a cause is: filters may send what they see of an exception.
  Object.defineProperty(exception, 'cause', { value: cause, configurable: true, writable: true });
  if (caller === 'websocket') refusals.add(exception);
  return exception;
}
