import { Command } from 'ioredis';
import type { ScriptCall } from '../protocol/script-call.js';

/** A command of ioredis that goes out as its call has written it down. */
export class ScriptCommand extends Command {
  readonly #encoded: Buffer | string;

  constructor(command: 'EVALSHA' | 'EVAL', call: ScriptCall) {
    super(command.toLowerCase(), [], { replyEncoding: 'utf8' });
    this.#encoded = call.encode(command);
  }

  override toWritable(): Buffer | string {
    return this.#encoded;
  }

  /** A client of another version than ours may have it called where our Command has none. */
  override setReplyContext(context: Parameters<Command['setReplyContext']>[0]): void {
    (super.setReplyContext as Command['setReplyContext'] | undefined)?.(context);
  }
}
