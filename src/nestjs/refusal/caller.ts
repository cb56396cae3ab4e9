import { isGatewayHandler, isJobProcessor, isMessageHandler, isResolver, isRoute } from '../nest-metadata.js';

/** The kind of caller that waits for a locked method or handler. It decides how a refusal is told. */
export type Caller = 'http' | 'graphql' | 'websocket' | 'rpc' | 'queue' | 'none';

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
  if (methods.some(isMessageHandler)) callers.push('rpc');
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

/** The caller that waits for an answer in an execution context of this type. */
export const callerOfContext = (type: string): Caller => CALLERS[type] ?? 'none';
