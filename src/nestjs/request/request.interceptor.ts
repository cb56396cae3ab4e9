import type { NestInterceptor } from '@nestjs/common';
import { Observable } from 'rxjs';
import { RequestScope } from './request-scope.js';
import { isStreamed, setRetryAfter } from './response.js';

/**
 * Interceptor of handlers with `@DistributedLock()`: lets the locked method know the request that it handles,
 * and writes the `Retry-After` header of its 409 responses.
 */
export const requestInterceptor: NestInterceptor = {
  intercept: (context, next) =>
    new Observable((subscriber) => {
      const scope = new RequestScope(context);
      let isFinished = false;
      // Who takes the first value and leaves, as by `take(1)`, may have a result that goes on.
      let isGiven = false;
      const finish = (): void => {
        isFinished = true;
        scope.finish();
      };
      const subscription = scope.run(() =>
        next.handle().subscribe({
          next: (value) => {
            isGiven = isStreamed(value);
            subscriber.next(value);
          },
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
        if (!isFinished && !isGiven) scope.leave();
        subscription.unsubscribe();
      };
    }),
};
