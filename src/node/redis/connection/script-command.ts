import { Command } from 'ioredis';
import type { ScriptCall } from '../protocol/script-call.js';

/** A command of ioredis that goes out as its call has written it down. */
export class ScriptCommand extends Command {
  readonly #bytes: Buffer;

  constructor(command: 'EVALSHA' | 'EVAL', call: ScriptCall) {
    super(command.toLowerCase(), [], { replyEncoding: 'utf8' });
    this.#bytes = call.toBytes(command);
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }

  /** A client of another version than ours may have it called where our Command has none. */
  override setReplyContext(context: Parameters<Command['setReplyContext']>[0]): void {
    (super.setReplyContext as Command['setReplyContext'] | undefined)?.(context);
  }
}
