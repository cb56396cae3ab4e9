import type { ArgumentsHost } from '@nestjs/common';
import {
  isGatewayHandler,
  isGrpcHandler,
  isJobProcessor,
  isMessageHandler,
  isResolver,
  isRoute,
} from '../nest-metadata.js';

/** The kind of caller that waits for a locked method or handler. It decides how a refusal is told. */
export type Caller = 'http' | 'graphql' | 'websocket' | 'grpc' | 'rpc' | 'queue' | 'none';

/**
 * The callers of this method of the class of `owner`; none where the scheduler, events or other code call it.
 * A method of a hybrid application may be both a route and a handler of messages.
 * `methods` are the functions with the metadata: ours, and a wrapper of another decorator around it.
 */
export function callersOf(
  owner: object,
  property: string | symbol,
  methods: readonly unknown[],
): readonly Caller[] {
  const callers: Caller[] = [];
  if (methods.some(isRoute)) callers.push('http');
  if (methods.some(isResolver)) callers.push('graphql');
  if (methods.some(isGatewayHandler)) callers.push('websocket');
  if (methods.some(isMessageHandler)) callers.push(methods.some(isGrpcHandler) ? 'grpc' : 'rpc');
  if (methods.some((method) => isJobProcessor(owner, property, method))) callers.push('queue');
  return callers;
}

/** The first of those who call a method; `'none'` for the scheduler, for events and for other code. */
export const callerOf = (owner: object, property: string | symbol, methods: readonly unknown[]): Caller =>
  callersOf(owner, property, methods)[0] ?? 'none';

const CALLERS: Readonly<Record<string, Caller>> = {
  http: 'http',
  graphql: 'graphql',
  ws: 'websocket',
  rpc: 'rpc',
};

/** The caller that waits for an answer in this execution context. */
export function callerOfContext(host: Pick<ArgumentsHost, 'getType' | 'getArgByIndex'>): Caller {
  const caller = CALLERS[host.getType<string>()] ?? 'none';
  return caller === 'rpc' && grpcCallOf(host) !== undefined ? 'grpc' : caller;
}

/** A call of gRPC. It tells when its client has gone. */
interface GrpcCall {
  on(event: 'cancelled', listener: () => void): unknown;
}

/** The call of gRPC, which is the third argument of its handlers; `undefined` in any other context. */
export function grpcCallOf(host: Pick<ArgumentsHost, 'getType' | 'getArgByIndex'>): GrpcCall | undefined {
  if (host.getType<string>() !== 'rpc') return undefined;
  const call = host.getArgByIndex<Readonly<Record<string, unknown>> | undefined>(2);
  const isOfGrpc = typeof call?.['sendMetadata'] === 'function' && typeof call['on'] === 'function';
  return isOfGrpc ? (call as unknown as GrpcCall) : undefined;
}
