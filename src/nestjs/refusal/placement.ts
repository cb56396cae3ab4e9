import {
  isEventHandler,
  isEventListener,
  isFieldResolver,
  isGrpcStreamCall,
  isJobProcessor,
  isProcessOfBull,
  isScheduled,
} from '../nest-metadata.js';
import { callersOf, type Caller } from './caller.js';

/** A method as Nest finds it on a class. */
export interface FoundMethod {
  /** The method's name in errors. */
  readonly name: string;
  readonly owner: object;
  readonly property: string | symbol;
  /** The function on the class, with the metadata of all its decorators. */
  readonly found: unknown;
}

/**
 * Refuses `@LockedHandler()` where Nest runs no interceptors: the method would run without its lock, on every
 * worker. Returns whether the method is a handler that is known here.
 *
 * @throws Error for a method that the scheduler, an event or a queue calls, and for the resolver of a field.
 */
export function assertIntercepted(method: FoundMethod, areFieldsIntercepted: boolean): boolean {
  const { name, owner, property, found } = method;
  const where = callWithoutInterceptors(method, areFieldsIntercepted);
  if (where === undefined) return callersOf(owner, property, [found]).length > 0;
  throw new Error(
    `${name} has @LockedHandler, and would run without its lock: Nest runs no interceptors for ${where}. ` +
      'Use @DistributedLock',
  );
}

function callWithoutInterceptors(
  { owner, property, found }: FoundMethod,
  areFieldsIntercepted: boolean,
): string | undefined {
  if (isScheduled(found)) return '@Cron, @Interval and @Timeout';
  if (isEventListener(found)) return '@OnEvent';
  if (isJobProcessor(owner, property, found)) return 'the jobs of a queue';
  if (isFieldResolver(found) && !areFieldsIntercepted)
    return "fields of GraphQL, unless fieldResolverEnhancers has 'interceptors'";
  return undefined;
}

/**
 * Refuses `@RunOnLeader()` where somebody waits for the result: the others would take nothing for an answer,
 * and a queue would complete a job that did not run.
 *
 * @throws Error for a handler of requests and for the processor of a queue.
 */
export function assertNobodyWaits({ name, owner, property, found }: FoundMethod): void {
  const isWaiting = (caller: Caller): boolean => caller !== 'rpc' || !isEventHandler(found);
  if (!callersOf(owner, property, [found]).some(isWaiting)) return;
  throw new Error(
    `${name} has @RunOnLeader, and whoever calls it waits for its result: a worker that does not lead ` +
      'would answer with nothing. Ask LeaderElection inside the method, and answer accordingly',
  );
}

/**
 * Refuses a processor of Bull that takes a callback. Bull then does not look at its promise: a refusal would
 * end the process as an unhandled rejection, and the lock would be released before the callback is called.
 *
 * @throws Error for a method with `@Process` and more than one parameter.
 */
export function assertNoCallback({ name, found }: Pick<FoundMethod, 'name' | 'found'>): void {
  if (!isProcessOfBull(found) || (found as { readonly length: number }).length < 2) return;
  throw new Error(
    `${name} has @DistributedLock, and a second parameter: Bull gives it a callback there, and does not ` +
      'look at the promise of the method. Take the job alone, and return when it is done',
  );
}

/**
 * Refuses a method with `@GrpcStreamCall`. Nest does not look at its promise: a refusal would end the process
 * as an unhandled rejection, and the client would wait for an answer.
 *
 * @throws Error for such a method.
 */
export function assertNoStreamCall(
  { name, found }: Pick<FoundMethod, 'name' | 'found'>,
  decorator: '@DistributedLock' | '@LockedHandler',
): void {
  if (!isGrpcStreamCall(found)) return;
  throw new Error(
    `${name} has ${decorator}, and @GrpcStreamCall: Nest does not look at the promise of such a method, so ` +
      'a refusal would end the process. Use @GrpcStreamMethod, or locks.withLock() inside',
  );
}
