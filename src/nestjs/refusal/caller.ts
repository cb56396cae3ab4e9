import { isGatewayHandler, isJobProcessor, isMessageHandler, isResolver, isRoute } from '../nest-metadata.js';

/** The kind of caller that waits for a locked method or handler. It decides how a refusal is told. */
export type Caller = 'http' | 'graphql' | 'websocket' | 'rpc' | 'queue' | 'none';

/**
 * The caller of this method of the class of `owner`: `'none'` for the scheduler, for events and other code.
 * `methods` are the functions with the metadata: ours, and a wrapper of another decorator around it.
 */
export function callerOf(owner: object, property: string | symbol, methods: readonly unknown[]): Caller {
  if (methods.some(isRoute)) return 'http';
  if (methods.some(isResolver)) return 'graphql';
  if (methods.some(isGatewayHandler)) return 'websocket';
  if (methods.some(isMessageHandler)) return 'rpc';
  if (methods.some((method) => isJobProcessor(owner, property, method))) return 'queue';
  return 'none';
}

const CALLERS: Readonly<Record<string, Caller>> = {
  http: 'http',
  graphql: 'graphql',
  ws: 'websocket',
  rpc: 'rpc',
};

/** The caller that waits for an answer in an execution context of this type. */
export const callerOfContext = (type: string): Caller => CALLERS[type] ?? 'none';
