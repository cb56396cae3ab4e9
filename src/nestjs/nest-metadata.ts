/**
 * What other decorators of Nest leave on a method. Their keys are written out, because the packages that define them are
 * not all installed everywhere, and export them nowhere officially; they are the same from Nest 8 to 12.
 */
import type { CronMetadata } from './cron-schedule.js';

const read = (key: string, method: unknown): unknown =>
  typeof method === 'function' ? (Reflect.getMetadata(key, method) as unknown) : undefined;

/** `@Cron` of @nestjs/schedule. */
export function cronMetadataOf(method: unknown): CronMetadata | undefined {
  return read('SCHEDULE_CRON_OPTIONS', method) as CronMetadata | undefined;
}

/** `@Cron`, `@Interval` or `@Timeout` of @nestjs/schedule. */
export function isScheduled(method: unknown): boolean {
  return read('SCHEDULER_TYPE', method) !== undefined;
}

/** `@Get` and the like. */
export function isRoute(method: unknown): boolean {
  return read('path', method) !== undefined && read('method', method) !== undefined;
}

const MESSAGE_HANDLER = 1;

/** `@MessagePattern` and `@GrpcMethod` of @nestjs/microservices, whose callers wait for an answer; `@EventPattern`'s do not. */
export function isMessageHandler(method: unknown): boolean {
  return read('microservices:handler_type', method) === MESSAGE_HANDLER;
}

/**
 * Whether the scheduler made the call. The package cron hands its job the job's completion callback, which Nest never sets,
 * and @nestjs/schedule passes it on: one argument, undefined. Nobody else calls a method without parameters like that.
 */
export function isSchedulersCall(args: readonly unknown[]): boolean {
  return args.length === 1 && args[0] === undefined;
}
