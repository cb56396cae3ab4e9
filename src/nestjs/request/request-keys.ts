import type { ExecutionContext } from '@nestjs/common';
import { callerOfContext } from '../refusal/caller.js';

/** Where the `keyPath` of a handler begins. */
export function pathRootOf(context: ExecutionContext): unknown {
  const caller = callerOfContext(context);
  if (caller === 'websocket') return context.switchToWs().getData<unknown>();
  if (caller === 'rpc' || caller === 'grpc') return context.switchToRpc().getData<unknown>();
  // The arguments of a resolver are its second one, after the parent object.
  if (caller === 'graphql') return context.getArgByIndex<unknown>(1);
  return context.switchToHttp().getRequest<unknown>();
}
