/**
 * Reads the metadata that other decorators of Nest write on a method. Their keys are written out here,
 * because the packages that define them are not installed everywhere and do not export them. The keys are the
 * same from Nest 8 to 12.
 */
import type { Type } from '@nestjs/common';
import type { CronMetadata } from './cron/cron-schedule.js';

const read = (key: string, method: unknown): unknown =>
  typeof method === 'function' ? (Reflect.getMetadata(key, method) as unknown) : undefined;

/** The metadata of `@Cron` of @nestjs/schedule. */
export function cronMetadataOf(method: unknown): CronMetadata | undefined {
  return read('SCHEDULE_CRON_OPTIONS', method) as CronMetadata | undefined;
}

/**
 * The metadata of `@Cron` by which Nest schedules a method: that of the function on the class, which may be
 * an override or another decorator's wrapper. `found` is `undefined` where nobody has looked.
 */
export const scheduledCronOf = (wrapper: unknown, found: unknown): CronMetadata | undefined =>
  cronMetadataOf(found === undefined ? wrapper : found);

/** Whether a method has `@Cron`, `@Interval` or `@Timeout` of @nestjs/schedule. */
export function isScheduled(method: unknown): boolean {
  return read('SCHEDULER_TYPE', method) !== undefined;
}

/** Whether a method has `@Get` or another route decorator. */
export function isRoute(method: unknown): boolean {
  return read('path', method) !== undefined && read('method', method) !== undefined;
}

/** Whether a route has `@Sse`: its events are sent while its Observable emits. */
export function isEventStream(method: unknown): boolean {
  return read('__sse__', method) === true;
}

const RESPONSE = '1';
const NEXT = '2';

/**
 * Whether a route takes `@Res()` or `@Next()`: it sends its response by itself. With `passthrough` Nest sends
 * it.
 */
export function sendsItsResponse(owner: object, property: string | symbol): boolean {
  const parameters = Reflect.getMetadata('__routeArguments__', owner, property) as object | undefined;
  const passesThrough = Reflect.getMetadata('__responsePassthrough__', owner, property) === true;
  // Each name is a kind and a position, such as "1:0".
  const kinds = Object.keys(parameters ?? {}).map((name) => name.split(':')[0]);
  return !passesThrough && (kinds.includes(RESPONSE) || kinds.includes(NEXT));
}

/**
 * Under which name the class has this handler. The function itself may have another one, or none: a decorator
 * of the application may have put its own in the place of the method.
 */
export function nameOfHandler(owner: Type, handler: { readonly name: string }): string {
  for (
    let one: object | null = owner.prototype as object;
    one !== null;
    one = Object.getPrototypeOf(one) as object | null
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(one)))
      if (value === handler) return name;
  }
  return handler.name;
}

/** Whether a method has `@Query`, `@Mutation`, `@Subscription` or another resolver decorator of GraphQL. */
export function isResolver(method: unknown): boolean {
  const keys = ['graphql:resolver_type', 'graphql:resolve_property', 'graphql:resolve_reference'];
  return keys.some((key) => read(key, method) !== undefined);
}

/**
 * Whether a resolver is that of a field, or of a reference of a federation. For those Nest runs interceptors
 * only where `fieldResolverEnhancers` says so.
 */
export function isFieldResolver(method: unknown): boolean {
  const type = read('graphql:resolver_type', method);
  return isResolver(method) && !['Query', 'Mutation', 'Subscription'].includes(String(type));
}

/** Whether a method has `@OnEvent` of @nestjs/event-emitter. */
export function isEventListener(method: unknown): boolean {
  return read('EVENT_LISTENER_METADATA', method) !== undefined;
}

/** Whether a method has `@SubscribeMessage` of @nestjs/websockets. */
export function isGatewayHandler(method: unknown): boolean {
  return read('websockets:message_mapping', method) === true;
}

/** Whether a method has `@MessagePattern`, `@EventPattern` or `@GrpcMethod` of @nestjs/microservices. */
export function isMessageHandler(method: unknown): boolean {
  return read('microservices:handler_type', method) !== undefined;
}

/** What `@GrpcMethod`, `@GrpcStreamMethod` and `@GrpcStreamCall` write on a method. */
interface GrpcPattern {
  readonly rpc: string;
  readonly streaming: string;
}

function grpcPatternsOf(method: unknown): readonly GrpcPattern[] {
  const patterns = read('microservices:pattern', method);
  const isOfGrpc = (pattern: unknown): pattern is GrpcPattern =>
    typeof pattern === 'object' && pattern !== null && 'rpc' in pattern && 'streaming' in pattern;
  return Array.isArray(patterns) ? patterns.filter(isOfGrpc) : [];
}

/** Whether a method has `@GrpcMethod`, `@GrpcStreamMethod` or `@GrpcStreamCall`. */
export const isGrpcHandler = (method: unknown): boolean => grpcPatternsOf(method).length > 0;

/** Whether a method has `@GrpcStreamCall`: it gets the call, and answers by it alone. */
export const isGrpcStreamCall = (method: unknown): boolean =>
  grpcPatternsOf(method).some(({ streaming }) => streaming === 'pt_stream');

const EVENT = 2;

/** Whether a method has `@EventPattern`: whoever sends the event waits for no answer. */
export function isEventHandler(method: unknown): boolean {
  return read('microservices:handler_type', method) === EVENT;
}

/** Whether a method has `@Process` of @nestjs/bull. */
export function isProcessOfBull(method: unknown): boolean {
  return read('bull:module_queue_process', method) !== undefined;
}

/**
 * Whether a method processes the jobs of a queue: `process()` of a class with `@Processor` of @nestjs/bullmq,
 * or a method with `@Process` of @nestjs/bull.
 */
export function isJobProcessor(owner: object, property: string | symbol, method: unknown): boolean {
  if (isProcessOfBull(method)) return true;
  return property === 'process' && read('bullmq:processor_metadata', owner.constructor) !== undefined;
}

/**
 * Whether the arguments of a call are the scheduler's. The package cron passes its job's completion callback,
 * which Nest never sets, and @nestjs/schedule hands it on: one argument, `undefined`. No other caller passes
 * that to a method without parameters.
 */
export function isSchedulerCall(args: readonly unknown[]): boolean {
  return args.length === 1 && args[0] === undefined;
}

/**
 * Copies what other decorators left on a function to the one that takes its place: its metadata and its own
 * properties, the name included.
 */
export function copyMetadata(from: object, to: object): void {
  for (const key of Reflect.getOwnMetadataKeys(from)) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, from), to);
  }
  for (const property of Reflect.ownKeys(from)) {
    if (property === 'prototype') continue;
    const own = Object.getOwnPropertyDescriptor(from, property);
    if (own !== undefined) Object.defineProperty(to, property, own);
  }
}
