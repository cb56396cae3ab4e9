import { LockManager, type LockEvent, type LockManagerOptions } from '../../src/index.js';
import { VirtualClock } from './virtual-clock.js';
import { VirtualNode } from './virtual-node.js';

/** Nodes in virtual time, and any number of managers over them, each in the role of a process. */
export class VirtualWorld {
  readonly clock = new VirtualClock();
  readonly nodes: VirtualNode[];
  readonly warnings: string[] = [];
  /** What all managers told, in one order. */
  readonly events: LockEvent[] = [];
  /** What each manager told: the ids of its calls are its own. */
  readonly eventsByManager: LockEvent[][] = [];

  constructor(count: number) {
    this.nodes = Array.from({ length: count }, (_, index) => new VirtualNode(`node-${index}`, this.clock));
  }

  manager(options: Partial<LockManagerOptions> = {}, random: () => number = () => 0.5): LockManager {
    const locks = new LockManager(
      { nodes: this.nodes, warn: (message) => this.warnings.push(message), ...options },
      { clock: this.clock, random },
    );
    const events: LockEvent[] = [];
    this.eventsByManager.push(events);
    locks.subscribe((event) => {
      this.events.push(event);
      events.push(event);
    });
    return locks;
  }

  eventsOf<T extends LockEvent['type']>(type: T): Extract<LockEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<LockEvent, { type: T }> => event.type === type);
  }

  /** The owner of the resource on each node. */
  owners(resource: string): Promise<(string | undefined)[]> {
    return Promise.all(this.nodes.map((node) => node.owner(resource)));
  }

  /** The owners of the resource on all nodes: empty if no key was left behind. */
  async leftovers(resource: string): Promise<string[]> {
    return (await this.owners(resource)).filter((owner) => owner !== undefined);
  }
}
