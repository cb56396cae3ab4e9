import {
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { Observable } from 'rxjs';
import type { LockRunner } from '../lock-runner.js';
import { lockedHandlerMetadataOf } from './locked-handler.js';
import { LockedRequest } from './locked-request.js';
import { getRunnerToken } from '../tokens.js';

const interceptors = new Map<string, Type<NestInterceptor>>();

/**
 * The interceptor class of one module instance. Each instance needs its own, because Nest injects by class.
 */
export function interceptorOf(locks: string): Type<NestInterceptor> {
  @Injectable()
  class LockInterceptor implements NestInterceptor {
    constructor(@Inject(getRunnerToken(locks)) private readonly runner: LockRunner) {}

    intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
      const handler = lockedHandlerMetadataOf(context.getHandler());
      if (handler === undefined) return next.handle();
      return new Observable((subscriber) =>
        new LockedRequest(this.runner, handler, context, next, subscriber).begin(),
      );
    }
  }
  const known = interceptors.get(locks) ?? LockInterceptor;
  interceptors.set(locks, known);
  return known;
}
