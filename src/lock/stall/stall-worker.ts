/** What runs in the worker thread of a StallGuard. */
import { parentPort, workerData } from 'node:worker_threads';
import { clockFrom } from '../../clock.js';
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

const { sources, options, origin, heartbeat } = workerData as StallWorkerData;

// The main thread warns of the nodes, and extends its leases when a node votes again. Here nobody listens.
const ignore = (): void => undefined;
const clock = clockFrom(origin);
const events = new LockEvents(ignore);
const plans = readNodes(sources, ignore);
const { nodes, quarantine } = openNodes(plans, { ...options, warn: ignore }, clock, Math.random);
// It counts by the same rules as everybody: who is trusted, who is another under a second name, under which
// list of nodes. It writes nothing of that.
const settings = { maxTtlMs: options.maxTtlMs, warn: ignore, isObserver: true };
const views = new NodeViews(nodes, clock, options.maxTtlMs, quarantine.ms > 0);
const membership = new Membership(nodes, views, clock, events, settings, Math.random);
const quorum = new Quorum(nodes, clock, events, membership);
const bootstrap = new Bootstrap(nodes, clock, majorityOf(nodes.length), quarantine);

const extender = new StallExtender(quorum, clock, new Heartbeat(heartbeat), options.maxStallMs);
parentPort?.on('message', (message: StallMessage) => {
  if ('ended' in message) extender.end(message.ended);
  else extender.begin(message.begun, message.terms, message.memory);
});
parentPort?.once('close', () => {
  bootstrap.close();
  membership.close();
});
