import {
  finishAnswer,
  isTakenBack,
  latestSuccessMs,
  TICK_FORGOTTEN,
  type RunMark,
  type RunRecord,
} from '../../../src/core/run.js';
import { LEDGER_MS, type Fences } from './fences.js';
import type { Server } from './operation.js';

/** The answer where the tick has run. */
export const alreadyRan = ({ tick, attempt, state }: RunRecord): unknown[] => [
  'already ran',
  tick,
  attempt,
  state,
];

/** What the keys of a server say of runs. */
export class Runs {
  constructor(
    private readonly server: Server,
    private readonly fences: Fences,
  ) {}

  /** The tick of the fence key, and what the key beside it says, if it is about that tick. */
  read(fence: string): RunRecord | undefined {
    const { tick } = this.fences.read(fence);
    if (tick === undefined) return undefined;
    const [ran, attempt, state] = (this.server.keyspace.get(`${fence}:run`) ?? '').split(':');
    return Number(ran) === tick && ran !== ''
      ? { tick, attempt: Number(attempt), state: state as RunRecord['state'] }
      : { tick, attempt: 0, state: 'finished' };
  }

  /** Writes the run beside the fence key, and its tick into it. */
  write(fence: string, { tick, attempt, state }: RunRecord): void {
    if (this.fences.read(fence).tick !== tick) this.fences.write(fence, { tick });
    this.server.keyspace.set(`${fence}:run`, `${tick}:${attempt}:${state}`, LEDGER_MS);
  }

  /** Records that the attempt has begun. */
  start(fence: string, tick: number, attempt: number): void {
    this.fences.write(fence, { tick });
    this.write(fence, { tick, attempt, state: 'started' });
  }

  /** The attempt on record for a tick; 0: none. */
  attemptOf(fence: string, tick: number | undefined): number {
    if (tick === undefined) return 0;
    const run = this.read(fence);
    return run?.tick === tick ? run.attempt : 0;
  }

  /** Throws where the memory is too young to know of the tick. */
  failIfForgotten(tick: number): void {
    const { memory, flaw } = this.server;
    if (tick < memory.knowsFromMs && flaw !== 'forgotten ticks granted') throw new Error(TICK_FORGOTTEN);
  }

  /** Opens the tick of a run again that was given up. */
  takeBack(fence: string, mark: RunMark, isOwner: boolean): void {
    const run = this.read(fence);
    if (isOwner && isTakenBack(run, mark)) this.write(fence, { ...mark, state: 'open' });
  }

  /** Whether the end of the run is on record, or need not be. */
  recordEnd(fence: string, mark: RunMark): boolean {
    const run = this.read(fence);
    const { memory, flaw } = this.server;
    if (this.fences.read(fence).counter === undefined && flaw !== 'finish makes a counter')
      return mark.tick < memory.knowsFromMs;
    const isLater = flaw === 'finish over a later attempt' && run?.tick === mark.tick;
    const answer = isLater ? 'write' : finishAnswer(run, mark);
    if (answer === 'write') this.write(fence, { ...mark, state: 'finished' });
    return answer !== 'refuse';
  }

  /** When a run last succeeded, where that can be. */
  successOf(fence: string): number | undefined {
    const { keyspace } = this.server;
    const last = `${fence}:success`;
    const known = keyspace.isSpoilt(last) ? 0 : Number(keyspace.get(last)) || 0;
    return known > 0 && known <= this.#latestSuccess ? known : undefined;
  }

  get #latestSuccess(): number {
    return latestSuccessMs(Math.floor(this.server.nowUs / 1_000));
  }

  /** Keeps a note of the run. What goes wrong here goes wrong alone. */
  keepNote(fence: string, own: readonly string[], most: number): void {
    const { keyspace, flaw } = this.server;
    const [, order, text = '', success] = own;
    const [list, last] = [`${fence}:history`, `${fence}:success`];
    if (text !== '' && !keyspace.isSpoilt(list)) {
      keyspace.setField(list, text, order!);
      const tooMany = flaw === 'notes without a bound' ? 0 : keyspace.members(list).length - most;
      for (const old of keyspace.members(list).slice(0, Math.max(0, tooMany)))
        keyspace.removeMember(list, old);
      keyspace.pexpire(list, LEDGER_MS);
    }
    if (success === '' || success === undefined) return;
    const succeededAt = Math.min(Number(success), this.#latestSuccess);
    const known = this.successOf(fence) ?? 0;
    const isOlder = known > succeededAt && flaw !== 'an earlier success over a later one';
    keyspace.set(last, String(isOlder ? known : succeededAt), LEDGER_MS);
  }
}
