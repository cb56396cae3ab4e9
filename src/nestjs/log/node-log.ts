import type { LockEvent, NodeSnapshot, QuorumSnapshot } from '../../index.js';
import type { LineLogger } from './module-logger.js';
import { PERIOD_S, RepeatedLines } from './repeated-lines.js';

type ForceReleased = Extract<LockEvent, { readonly type: 'force_released' }>;

/** How many nodes or locks a line names. */
const MOST_NAMES = 5;
const LONGEST_REASON = 200;

const listed = (names: readonly string[]): string => {
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return names.slice(0, MOST_NAMES).join(', ') + more;
};

/**
 * The log lines about the nodes of one module instance, and about its shutdown, made from its events. They
 * have the context `Quorlock`. Nodes that are in quarantine or misconfigured have lines already: the
 * manager's warnings.
 */
export class NodeLog {
  readonly #repeated = new RepeatedLines();
  readonly #nodes = new Map<string, NodeSnapshot>();
  /** The locks of this turn that the shutdown took from their runs. */
  #cutOff: string[] = [];
  #hasStarted = false;

  constructor(
    private readonly logger: LineLogger,
    private readonly drainMs: number,
  ) {}

  readonly listener = (event: LockEvent): void => {
    if (event.type === 'node') this.#onNode(event.node);
    else if (event.type === 'quorum') this.#onQuorum(event.quorum, event.atStart);
    else if (event.type === 'force_released') this.#onForceReleased(event);
    else if (event.type === 'lost' && event.reason === 'closed') this.#onCutOff(event.resources);
  };

  /** An operator's act: each has a line. */
  #onForceReleased({ resources, holder = 'a holder without a name', reason }: ForceReleased): void {
    this.logger.warn(`Lock released by force: ${resources.join(', ')}, held by ${holder}. Reason: ${reason}`);
  }

  #onNode(node: NodeSnapshot): void {
    const before = this.#nodes.get(node.name);
    this.#nodes.set(node.name, node);
    if (node.status === 'closed') return this.#repeated.close();
    if (!this.#hasStarted || before === undefined) return;
    const { name } = node;
    if (node.status === 'ready' && before.status !== 'ready') {
      const line = `Node ${name} is ready: ${this.#readyOfAll()}`;
      this.#repeated.write(
        `${name} ready`,
        () => this.logger.log(line),
        // The count of the other line says it.
        () => undefined,
      );
    }
    if (node.status === 'unreachable' && before.status !== 'unreachable') {
      const line = `Node ${name} is unreachable${because(node)}: ${this.#readyOfAll()}`;
      this.#repeated.write(
        `${name} unreachable`,
        () => this.logger.warn(line),
        (times) =>
          this.logger.warn(
            `Node ${name} was unreachable ${moreTimes(times)} in ${PERIOD_S} s: ${this.#readyOfAll()}`,
          ),
      );
    }
  }

  #onQuorum(quorum: QuorumSnapshot, atStart: boolean): void {
    this.#hasStarted = true;
    const { ready, needed, nodes, reached, reason } = quorum;
    if (!reached) {
      const why = reason === undefined ? '' : ` (${reason})`;
      const line =
        `No quorum: ${counted(ready, nodes)} ready, and ${needed} ${needed === 1 ? 'is' : 'are'} needed. ` +
        `The nodes grant no lock${why}` +
        this.#others('; ');
      this.#repeated.write(
        'no quorum',
        () => this.logger.error(line),
        (times) =>
          this.logger.error(`No quorum, ${moreTimes(times)} in ${PERIOD_S} s: ${this.#readyOfAll()}`),
      );
    } else if (!atStart) {
      const line = `A quorum again: ${counted(ready, nodes)} ready`;
      this.#repeated.write(
        'a quorum',
        () => this.logger.log(line),
        // The count of the other line says it.
        () => undefined,
      );
    } else if (ready < nodes) {
      this.logger.warn(`${counted(ready, nodes)} ready${this.#others('; ')}`);
    } else {
      this.logger.log(`${counted(ready, nodes)} ready`);
    }
  }

  /** A shutdown ends all leases in one turn. */
  #onCutOff(resources: readonly string[]): void {
    this.#cutOff.push(resources.join(', '));
    if (this.#cutOff.length > 1) return;
    void Promise.resolve().then(() => {
      const locks = this.#cutOff;
      this.#cutOff = [];
      this.logger.warn(
        `Shutdown: ${locks.length === 1 ? 'a run' : `${locks.length} runs`} did not end within drainMs ` +
          `(${this.drainMs} ms) and lost the lock: ${listed(locks).slice(0, 500)}`,
      );
    });
  }

  #readyOfAll(): string {
    const ready = [...this.#nodes.values()].filter(({ status }) => status === 'ready').length;
    return `${counted(ready, this.#nodes.size)} ready`;
  }

  /** The nodes that are not ready, and why, after what they follow on; empty where all are. */
  #others(before: string): string {
    const others = [...this.#nodes.values()].filter(({ status }) => status !== 'ready');
    const named = listed(others.map((node) => `${node.name}: ${node.status}${because(node)}`));
    return named === '' ? '' : before + named;
  }
}

const counted = (ready: number, nodes: number): string =>
  `${ready} of ${nodes} ${nodes === 1 && ready === 1 ? 'node' : 'nodes'} ${ready === 1 ? 'is' : 'are'}`;

const moreTimes = (times: number): string => `${times} more ${times === 1 ? 'time' : 'times'}`;

/** Why, in brackets. Most reasons end with the address, which is the name of the node as well. */
function because({ name, reason }: NodeSnapshot): string {
  if (reason === undefined) return '';
  const short = reason.endsWith(` ${name}`) ? reason.slice(0, -name.length - 1) : reason;
  return ` (${short.length > LONGEST_REASON ? `${short.slice(0, LONGEST_REASON - 1)}…` : short})`;
}
