import {
  Catch,
  HttpException,
  Inject,
  Optional,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { throwError } from 'rxjs';
import { LockError } from '../../index.js';
import { LockLog } from '../log/lock-log.js';
import type { LockRunner } from '../lock-runner.js';
import { loggerOf } from '../log/module-logger.js';
import { setRetryAfter } from '../request/response.js';
import { DEFAULT_LOCKS, getRunnerToken } from '../tokens.js';
import { callerOfContext } from './caller.js';
import { toException } from './lock-exceptions.js';
import { LockMessageException } from './message-exceptions.js';
import { grpcStatusOf, payloadOf, refusalOf, type Refusal } from './refusal-facts.js';

/** A client of a gateway: of socket.io, which emits to the other side, or a WebSocket, which sends. */
interface GatewayClient {
  readonly readyState?: unknown;
  send?(text: string): unknown;
  emit?(event: string, payload: object): unknown;
}

/**
 * Answers requests whose handler let a lock's own error through: an HTTP client gets 409 with `Retry-After`
 * or 503, a GraphQL client an error with an extension code, the client of a gateway or a microservice an
 * error with a code. No client is told who holds the lock.
 *
 * The module registers it for the whole application. Filters of a controller or a method come first, and so
 * do those of `app.useGlobalFilters()`. Nest applies no filters of the whole application to gateways, nor to
 * microservices that do not inherit the configuration: give it to their classes by `@UseFilters()`.
 */
@Catch(LockError, LockMessageException)
export class LockExceptionFilter implements ExceptionFilter {
  readonly #log: LockLog;

  constructor(
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Optional() @Inject(getRunnerToken(DEFAULT_LOCKS)) runner?: LockRunner,
  ) {
    this.#log = runner?.log ?? new LockLog(loggerOf('DistributedLock'));
  }

  catch(error: unknown, host: ArgumentsHost): unknown {
    const caller = callerOfContext(host);
    if (error instanceof LockError) this.#log.requestFailed(error.resources.join(', '), error);
    if (caller === 'websocket')
      return sendError(host.switchToWs().getClient<GatewayClient>(), tellable(error, payloadOf));
    if (caller === 'rpc') return throwError(() => tellable(error, payloadOf));
    if (caller === 'grpc') return throwError(() => tellable(error, grpcStatusOf));
    const exception = toException(error, caller);
    // A context of another package may call itself HTTP and have no response.
    const response = host.getArgByIndex<unknown>(1);
    const isAnswerable = exception instanceof HttpException && typeof response === 'object';
    if (!isAnswerable) throw exception;
    setRetryAfter(host, exception);
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter.isHeadersSent(response)) return httpAdapter.end(response);
    return httpAdapter.reply(response, exception.getResponse(), exception.getStatus()) as unknown;
  }
}

/** What a client may be told. */
function tellable(error: unknown, toPayload: (refusal: Refusal) => object): object {
  if (error instanceof LockMessageException) return error.getError();
  return toPayload(refusalOf(error) ?? { code: 'LOCK_ERROR', message: 'The lock failed' });
}

function sendError(client: GatewayClient, payload: object): void {
  const isWebSocket = typeof client.readyState === 'number' && typeof client.send === 'function';
  if (isWebSocket) client.send?.(JSON.stringify({ event: 'exception', data: payload }));
  else client.emit?.('exception', payload);
}
