import { Command } from 'ioredis';
import type { ScriptCall } from './script-call.js';

/** A command of ioredis that goes out as its call has written it down. */
export class ScriptCommand extends Command {
  readonly #bytes: Buffer;

  constructor(command: 'EVALSHA' | 'EVAL', script: string, call: ScriptCall) {
    super(command.toLowerCase(), [], { replyEncoding: 'utf8' });
    this.#bytes = call.toBytes(command, script);
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }

  /** Of another version than ours, a client may have it called where our Command has none. */
  override setReplyContext(context: Parameters<Command['setReplyContext']>[0]): void {
    (super.setReplyContext as Command['setReplyContext'] | undefined)?.(context);
  }
}
