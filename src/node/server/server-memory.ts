import type { MemoryReport } from '../../core/quarantine.js';
import type { NodeMemory, RecordWrite } from '../node-memory.js';
import type { NodeState } from '../node-state.js';
import type { Finding, GuardCommand } from './finding.js';
import type { ServerFacts, VotingState } from './voting-state.js';

/** The memory of a server whose guard looks after it: the commands that all kinds of servers know. */
export abstract class ServerMemory<Facts extends ServerFacts = ServerFacts> implements NodeMemory {
  /** Whether it may vote. */
  abstract readonly voting: VotingState<Facts>;

  /** Runs the guard with a command. `undefined`: the reply is from a connection that has broken. */
  protected abstract tell(
    command: GuardCommand,
    word?: string,
    replacedId?: string,
  ): Promise<Finding | undefined>;

  /** Takes note of what went wrong, and gives the words of the server, if it answered. */
  protected abstract answerIn(error: unknown): string | undefined;

  /** The id that the node gets if it has none. */
  protected abstract set spareId(id: string);

  abstract writeRecord(write: RecordWrite, waitMs: number, deadlineAt: number): Promise<void>;

  get state(): NodeState {
    return this.voting.state;
  }

  async look(isUsed = false): Promise<MemoryReport | undefined> {
    try {
      const finding = await this.tell(isUsed ? 'mark' : 'look');
      return finding && this.voting.report(finding);
    } catch (error) {
      this.answerIn(error);
      return undefined;
    }
  }

  trust(): Promise<void> {
    this.voting.endQuarantines();
    return this.command(this.state.status === 'new' ? 'first use' : 'trust');
  }

  /** The guard of any call writes the missing marker, and with it the beginning of the quarantine. */
  recordLoss(): Promise<void> {
    return this.command('mark');
  }

  quarantine(reason: string): void {
    this.voting.quarantine(reason);
  }

  endQuarantine(reason: string): void {
    this.voting.endQuarantine(reason);
  }

  identify(id: string, replacedId?: string): Promise<void> {
    this.spareId = id;
    return replacedId === undefined ? Promise.resolve() : this.command('identify', id, replacedId);
  }

  /** Never rejects. */
  protected async command(command: GuardCommand, word?: string, replacedId?: string): Promise<void> {
    try {
      await this.tell(command, word, replacedId);
    } catch (error) {
      this.notWritten(error);
    }
  }

  protected notWritten(error: unknown): void {
    const answer = this.answerIn(error);
    if (answer !== undefined) this.voting.cannotWrite(answer);
  }
}
