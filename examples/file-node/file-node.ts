import { closeSync, openSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  failed,
  inspectRecord,
  ObservableState,
  voteOn,
  type Failed,
  type LockNode,
  type NodeInspection,
  type NodeRequest,
  type NodeState,
  type ResourceRecord,
  type ResourceStore,
  type VoteReceiver,
} from 'quorlock/node';

/**
 * How long a node tries to get its lock file, in milliseconds. Everything that is done under it takes less
 * than one.
 */
const PATIENCE_MS = 1_000;

type Records = Record<string, ResourceRecord>;

/**
 * A voter in a JSON file: it excludes the processes of one machine. It has the vote and none of the optional
 * parts.
 *
 * Every change is a transaction: take the lock file, read, decide by `voteOn`, write a new file, put it in
 * the place of the old one, remove the lock file. A process that is killed in between leaves the lock file
 * behind. Then this node has no vote until somebody removes the file; nothing else is safe, and the other
 * nodes of a quorum go on without it.
 */
export class FileNode implements LockNode {
  readonly name: string;
  readonly address: string;
  readonly #path: string;
  readonly #state = new ObservableState({ status: 'ready' });
  /** The end of the last transaction: requests take effect in the order in which they were made. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = resolve(path);
    this.name = this.#path;
    this.address = `file:${this.#path}`;
  }

  get state(): NodeState {
    return this.#state.state;
  }

  onStateChange(listener: (state: NodeState) => void): () => void {
    return this.#state.onChange(listener);
  }

  ask(request: NodeRequest, receiver: VoteReceiver, nodeIndex: number): void {
    const vote = this.#transaction((store) => {
      const [callerNow, wallMs] = [performance.now(), Date.now()];
      return voteOn(request, store, { now: machineMs(), callerNow, wallMs });
    });
    void vote.then((answer) => receiver.receive(nodeIndex, answer));
  }

  async inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]> {
    const answers = await this.#transaction((store) =>
      resources.map((resource) => inspectRecord(store.get(resource), machineMs())),
    );
    return 'kind' in answers ? resources.map(() => answers) : answers;
  }

  close(): Promise<void> {
    this.#state.end({ status: 'closed' });
    return Promise.resolve();
  }

  /** Runs one transaction after the other. Gives what `change` gave, or a failure if nothing was written. */
  #transaction<Result>(change: (store: ResourceStore) => Result): Promise<Result | Failed> {
    const result = this.#last.then(() => this.#change(change));
    this.#last = result;
    return result;
  }

  async #change<Result>(change: (store: ResourceStore) => Result): Promise<Result | Failed> {
    if (this.#state.ended) return failed('unreachable', new Error('the node is closed'));
    try {
      if (!(await this.#takeLockFile()))
        return failed('unreachable', new Error(`another process does not remove ${this.#lockPath}`));
      try {
        return this.#changeFile(change);
      } finally {
        unlinkSync(this.#lockPath);
      }
    } catch (error) {
      return failed('error', error instanceof Error ? error : new Error(String(error)));
    }
  }

  get #lockPath(): string {
    return `${this.#path}.lock`;
  }

  async #takeLockFile(): Promise<boolean> {
    for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await sleep(1)) {
      try {
        closeSync(openSync(this.#lockPath, 'wx'));
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    return false;
  }

  #changeFile<Result>(change: (store: ResourceStore) => Result): Result {
    const records = new Map(Object.entries(this.#read()));
    let isChanged = false;
    const result = change({
      get: (resource) => records.get(resource),
      set: (resource, record) => {
        records.set(resource, record);
        isChanged = true;
      },
    });
    if (isChanged) {
      writeFileSync(`${this.#path}.new`, JSON.stringify(Object.fromEntries(records)));
      renameSync(`${this.#path}.new`, this.#path);
    }
    return result;
  }

  #read(): Records {
    try {
      return JSON.parse(readFileSync(this.#path, 'utf8')) as Records;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      throw error;
    }
  }
}

/**
 * A clock that all processes of the machine share and nobody can step, in milliseconds. It starts again with
 * the machine, so put the file where a restart of the machine removes it: all holders are gone then, too.
 */
const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;
