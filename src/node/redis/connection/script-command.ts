import { Command } from 'ioredis';
import { bulk, type ScriptCall } from '../protocol/script-call.js';
import { SCRIPT, SCRIPT_SHA } from '../protocol/script.js';

/** The words that every call begins with. */
const WORDS = {
  evalsha: bulk('EVALSHA') + bulk(SCRIPT_SHA),
  eval: bulk('EVAL') + bulk(SCRIPT),
};

/** A command of ioredis that goes out as its call has written it down. */
export class ScriptCommand extends Command {
  readonly #bytes: Buffer;

  constructor(command: 'evalsha' | 'eval', call: ScriptCall) {
    super(command, [], { replyEncoding: 'utf8' });
    this.#bytes = call.toBytes(WORDS[command]);
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }

  /** Of another version than ours, a client may have it called where our Command has none. */
  override setReplyContext(context: Parameters<Command['setReplyContext']>[0]): void {
    (super.setReplyContext as Command['setReplyContext'] | undefined)?.(context);
  }
}
