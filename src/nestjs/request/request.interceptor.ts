import type { NestInterceptor } from '@nestjs/common';
import { Observable } from 'rxjs';
import { RequestScope } from './request-scope.js';
import { setRetryAfter } from './response.js';

/**
 * Interceptor of handlers with `@DistributedLock()`: lets the locked method know the request that it handles,
 * and writes the `Retry-After` header of its 409 responses.
 */
export const requestInterceptor: NestInterceptor = {
  intercept: (context, next) =>
    new Observable((subscriber) => {
      const scope = new RequestScope(context);
      let isFinished = false;
      const finish = (): void => {
        isFinished = true;
        scope.finish();
      };
      const subscription = scope.run(() =>
        next.handle().subscribe({
          next: (value) => subscriber.next(value),
          error: (error: unknown) => {
            finish();
            setRetryAfter(context, error);
            subscriber.error(error);
          },
          complete: () => {
            finish();
            subscriber.complete();
          },
        }),
      );
      return () => {
        // The signal first: the method may end its work in an orderly way.
        if (!isFinished) scope.leave();
        subscription.unsubscribe();
      };
    }),
};
