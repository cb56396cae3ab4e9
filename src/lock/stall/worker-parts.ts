import type { Clock } from '../../clock.js';
import { majorityOf } from '../../core/quorum.js';
import { LockEvents } from '../../api/lock-events.js';
import { Bootstrap } from '../nodes/bootstrap.js';
import { Membership } from '../nodes/membership.js';
import { openNodes, readNodes } from '../nodes/node-list.js';
import { NodeViews } from '../nodes/node-views.js';
import { Quorum } from '../quorum/quorum.js';
import { Heartbeat } from './shared-lease.js';
import { StallExtender } from './stall-extender.js';
import type { StallMessage, StallWorkerData } from './stall-guard.js';

// The main thread warns of the nodes, and extends its leases when a node votes again. Here nobody listens.
const ignore = (): void => undefined;

/** The parts of the worker thread: nodes of its own, and what extends the leases of the main thread there. */
export class WorkerParts {
  readonly #extender: StallExtender;
  readonly #membership: Membership;
  readonly #bootstrap: Bootstrap;

  constructor({ sources, options, heartbeat }: StallWorkerData, clock: Clock, random: () => number) {
    const events = new LockEvents(ignore);
    const plans = readNodes(sources, ignore);
    const { nodes, quarantine } = openNodes(plans, { ...options, warn: ignore }, clock, random);
    // It counts by the same rules as everybody: who is trusted, who is another under a second name, under
    // which list of nodes. It writes nothing of that.
    const settings = { maxTtlMs: options.maxTtlMs, warn: ignore, isObserver: true };
    const views = new NodeViews(nodes, clock, options.maxTtlMs, quarantine.ms > 0);
    this.#membership = new Membership(nodes, views, clock, events, settings, random);
    const quorum = new Quorum(nodes, clock, events, this.#membership);
    this.#bootstrap = new Bootstrap(nodes, clock, majorityOf(nodes.length), quarantine);
    this.#extender = new StallExtender(quorum, clock, new Heartbeat(heartbeat), options.maxStallMs);
  }

  receive(message: StallMessage): void {
    if ('ended' in message) this.#extender.end(message.ended);
    else this.#extender.begin(message.begun, message.terms, message.memory);
  }

  close(): void {
    this.#bootstrap.close();
    this.#membership.close();
  }
}
