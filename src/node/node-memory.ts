import type { ListPair } from '../core/membership/member-list.js';
import type { Outstanding } from '../core/membership/record.js';
import type { MemoryReport } from '../core/quarantine.js';

/** The part of a node that can lose its data, or whose clock can be stepped. */
export interface NodeMemory {
  /**
   * Reads the node's marker again, and updates `state` from it. Never rejects. Tells what the marker says of
   * the node's memory; `undefined` if the node did not answer, or has nothing to tell. `isUsed`: the node had
   * a marker; if it has none any more, it has lost its memory, and that is recorded as by `recordLoss`.
   */
  look(isUsed?: boolean): Promise<MemoryReport | undefined>;
  /** Ends `new` or `untrusted`: from now on the node's grants count, for every client. Never rejects. */
  trust(): Promise<void>;
  /**
   * Records on a `new` node that it lost its memory: its grants count one quarantine later, for every client.
   */
  recordLoss(): Promise<void>;
  /** Keeps the node out of votes for one quarantine, for this client only. */
  quarantine(reason: string): void;
  /**
   * Ends the quarantine that `quarantine` began for this reason; those for other reasons go on. A node
   * without this method has its vote back when the quarantine is over.
   */
  endQuarantine?(reason: string): void;
  /**
   * Ends the quarantine of the memory that it names, for every client: all that was forgotten is over. Does
   * nothing if the node has another memory by now. Never rejects. A node without it is trusted again only
   * when its quarantine is over.
   */
  lift?(memory: string): Promise<void>;
  /**
   * The id that the node gets when it has none: after its first contact, or after it lost its memory. With
   * `replacedId` it gets the id now, if it has none, or if it is blank and still has the id `replacedId`.
   * The number of its record grows when its id is replaced: a record that was planned before is not written.
   */
  identify?(id: string, replacedId?: string): Promise<void>;
  /**
   * Writes the node's record: the list of nodes that it votes in, and the list before. The write must be
   * atomic, and must be refused where the node's memory or the number of its record is another one.
   * `waitMs`: how long a lease may live that is out when it is written. `look` reports the record. Never
   * rejects.
   *
   * A node without this method keeps no record, and votes under every list.
   */
  writeRecord?(write: RecordWrite, waitMs: number, deadlineAt: number): Promise<void>;
}

/** What is to be written, and what must still stand on the node. */
export interface RecordWrite extends ListPair {
  readonly memory: string;
  readonly sequence: number;
  /**
   * What has to be over before the record is in force: `nothing`; `own votes`, that is, what this node has
   * granted, for which it may wait for less than `waitMs` where it knows when that is; or `all votes`.
   */
  readonly outstanding: Outstanding;
  /** In which of the two lists the node votes from now on: those that it is a member of. */
  readonly votesIn: { readonly list: boolean; readonly previous: boolean };
}
