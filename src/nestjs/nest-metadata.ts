/**
 * Reads the metadata that other decorators of Nest write on a method. Their keys are written out here,
 * because the packages that define them are not installed everywhere and do not export them. The keys are the
 * same from Nest 8 to 12.
 */
import type { CronMetadata } from './cron-schedule.js';

const read = (key: string, method: unknown): unknown =>
  typeof method === 'function' ? (Reflect.getMetadata(key, method) as unknown) : undefined;

/** The metadata of `@Cron` of @nestjs/schedule. */
export function cronMetadataOf(method: unknown): CronMetadata | undefined {
  return read('SCHEDULE_CRON_OPTIONS', method) as CronMetadata | undefined;
}

/** Whether a method has `@Cron`, `@Interval` or `@Timeout` of @nestjs/schedule. */
export function isScheduled(method: unknown): boolean {
  return read('SCHEDULER_TYPE', method) !== undefined;
}

/** Whether a method has `@Get` or another route decorator. */
export function isRoute(method: unknown): boolean {
  return read('path', method) !== undefined && read('method', method) !== undefined;
}

const MESSAGE_HANDLER = 1;

/**
 * Whether a method has `@MessagePattern` or `@GrpcMethod` of @nestjs/microservices, whose callers wait for an
 * answer. Those of `@EventPattern` do not.
 */
export function isMessageHandler(method: unknown): boolean {
  return read('microservices:handler_type', method) === MESSAGE_HANDLER;
}

/**
 * Whether the scheduler made the call. The package cron passes its job's completion callback, which Nest
 * never sets, and
 * @nestjs/schedule hands it on: one argument, `undefined`. No other caller passes that to a method without
 * parameters.
 */
export function isSchedulerCall(args: readonly unknown[]): boolean {
  return args.length === 1 && args[0] === undefined;
}
