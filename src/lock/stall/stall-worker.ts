/** What runs in the worker thread of a StallGuard. */
import { parentPort, workerData } from 'node:worker_threads';
import { clockFrom } from '../../clock.js';
import type { StallMessage, StallWorkerData } from './stall-guard.js';
import { WorkerParts } from './worker-parts.js';

const data = workerData as StallWorkerData;
const parts = new WorkerParts(data, clockFrom(data.origin), Math.random);
parentPort?.on('message', (message: StallMessage) => parts.receive(message));
parentPort?.once('close', () => parts.close());
