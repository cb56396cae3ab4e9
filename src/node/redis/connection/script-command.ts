import type { Command, ScriptCall } from '../protocol/script-call.js';

/** A command of a client library, as far as it is ours. */
export type CommandClass = new (name: string, args: never[], options: { replyEncoding: 'utf8' }) => object;

/** A command that goes out as its call has written it down. */
export type ScriptCommandClass = new (command: Command, call: ScriptCall) => object;

const made = new WeakMap<CommandClass, ScriptCommandClass>();

/**
 * The class of such commands for the copy of ioredis, or of its fork iovalkey, whose `Command` this is. A
 * client may call methods on a command that another version of `Command` does not have.
 */
export function scriptCommandOf(Base: CommandClass): ScriptCommandClass {
  const known = made.get(Base);
  if (known !== undefined) return known;
  class ScriptCommand extends Base {
    readonly #encoded: Buffer | string;

    constructor(command: Command, call: ScriptCall) {
      super(command.toLowerCase(), [], { replyEncoding: 'utf8' });
      this.#encoded = call.encode(command);
    }

    toWritable(): Buffer | string {
      return this.#encoded;
    }
  }
  made.set(Base, ScriptCommand);
  return ScriptCommand;
}
