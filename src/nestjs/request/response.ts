import { StreamableFile, type ArgumentsHost } from '@nestjs/common';
import { LockedException } from '../refusal/lock-exceptions.js';

/** The response of Node below that of Express or Fastify. */
export interface RawResponse {
  readonly headersSent?: boolean;
  readonly writableEnded?: boolean;
  readonly writableFinished?: boolean;
  readonly destroyed?: boolean;
  once(event: 'close' | 'finish', listener: () => void): unknown;
  removeListener(event: 'close' | 'finish', listener: () => void): unknown;
}

/** The part of the response of Express and of Fastify that is used here. */
interface FrameworkResponse extends Partial<RawResponse> {
  readonly raw?: Partial<RawResponse>;
  readonly headersSent?: boolean;
  header?(name: string, value: string): unknown;
}

const responseOf = (host: ArgumentsHost): FrameworkResponse | undefined =>
  host.getType() === 'http' ? host.switchToHttp().getResponse<FrameworkResponse | undefined>() : undefined;

/** The response of an HTTP request; `undefined` for other transports. */
export const rawResponseOf = (host: ArgumentsHost): RawResponse | undefined => rawOf(responseOf(host));

/** What the context of a GraphQL operation may have: Express leaves the response on the request. */
interface GraphqlContext {
  readonly req?: { readonly res?: FrameworkResponse };
  readonly res?: FrameworkResponse;
  readonly reply?: FrameworkResponse;
}

/**
 * The response that will carry the result of a GraphQL operation, among others of the same request;
 * `undefined` if the context of the operation has none, as over a WebSocket, and for other transports.
 */
export function graphqlResponseOf(host: ArgumentsHost): RawResponse | undefined {
  if (host.getType<string>() !== 'graphql') return undefined;
  const context = host.getArgByIndex<GraphqlContext | undefined>(2);
  return rawOf(context?.res ?? context?.reply ?? context?.req?.res);
}

function rawOf(response: FrameworkResponse | undefined): RawResponse | undefined {
  const raw = response?.raw ?? response;
  const canTell = typeof raw?.once === 'function' && typeof raw.removeListener === 'function';
  return canTell ? (raw as RawResponse) : undefined;
}

/** Who waits for the end of a response. It warns of many listeners, and an operation may have many fields. */
const waiting = new WeakMap<RawResponse, ((isSent: boolean) => void)[]>();

/**
 * Calls back once when a response has ended: sent to its end, or closed before. A response of HTTP/2 finishes
 * in both cases, so it counts as sent only where somebody has ended it.
 */
export function whenEnded(response: RawResponse, listener: (isSent: boolean) => void): void {
  if (response.writableFinished === true || response.destroyed === true) {
    listener(response.writableFinished === true && response.writableEnded !== false);
    return;
  }
  const others = waiting.get(response);
  if (others !== undefined) {
    others.push(listener);
    return;
  }
  const listeners = [listener];
  waiting.set(response, listeners);
  const end = (isFinished: boolean) => (): void => {
    response.removeListener('finish', onFinish);
    response.removeListener('close', onClose);
    waiting.delete(response);
    for (const tell of listeners) tell(isFinished && response.writableEnded !== false);
  };
  const onFinish = end(true);
  const onClose = end(false);
  response.once('finish', onFinish);
  response.once('close', onClose);
}

/**
 * Whether Nest sends this result of a handler piece by piece: a `StreamableFile`, a stream of Node or of the
 * web, the response of a `fetch()`, or an async iterable.
 */
export function isStreamed(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof StreamableFile) return true;
  if (Object.prototype.toString.call(value) === '[object Response]') return true;
  const like = value as { pipe?: unknown; subscribe?: unknown; [Symbol.asyncIterator]?: unknown };
  const isStream = typeof like.pipe === 'function' && typeof like.subscribe !== 'function';
  return isStream || typeof like[Symbol.asyncIterator] === 'function';
}

/**
 * Writes the `Retry-After` header when the error is a 409 of a lock, unless the headers have been sent: those
 * of an event stream are, as a rule, before its handler is called. It never throws. `header()` exists in
 * Express and in Fastify.
 */
export function setRetryAfter(host: ArgumentsHost, error: unknown): void {
  if (!(error instanceof LockedException)) return;
  const response = responseOf(host);
  if (response?.headersSent === true || rawResponseOf(host)?.headersSent === true) return;
  try {
    response?.header?.('Retry-After', String(error.retryAfterSeconds));
  } catch {
    // The client is told without the header. This may run outside the handling of the request.
  }
}
