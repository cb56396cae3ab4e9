/**
 * The process that puts the nodes at a distance: it passes on what it reads, in each direction, a while
 * later. One process serves all nodes, because each waits for the same two cores.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { nowNs } from '../tasks.js';
import { Lateness, Road, SHARED_BYTES, wordsOf } from './delays.js';
import type { ProxyAnswer, ProxyOrder, Route } from './orders.js';

/** How early the ticker is set at most, in ms. It is late by as much, so that parcels are on time. */
const LEAD_MAX_MS = 0.2;

const shared = new SharedArrayBuffer(SHARED_BYTES);
const { changes, due } = wordsOf(shared);
const ticker = new Worker(new URL('./ticker.ts', import.meta.url), { workerData: shared });
const road = new Road<Socket>();
const late = new Lateness();
let leadMs = 0;
let setFor = Infinity;

const nowMs = (): number => nowNs() / 1e6;

ticker.on('message', () => {
  const wantedMs = setFor + leadMs;
  setFor = Infinity;
  leadMs = Math.min(LEAD_MAX_MS, Math.max(0, leadMs + (nowMs() - wantedMs) / 20));
  deliver(LEAD_MAX_MS / 4);
});

/** Hands over what has arrived, or will within `earlyMs`, and sets the ticker for what comes next. */
function deliver(earlyMs: number): void {
  const now = nowMs();
  const corked = new Set<Socket>();
  for (const { to, bytes, atMs } of road.arrived(now + earlyMs)) {
    late.add(now - atMs);
    if (!to.writable) continue;
    if (!corked.has(to)) {
      to.cork();
      corked.add(to);
    }
    to.write(bytes);
  }
  for (const socket of corked) socket.uncork();
  const next = road.nextMs;
  if (next === undefined || next - leadMs >= setFor) return;
  setFor = next - leadMs;
  due[0] = setFor;
  Atomics.add(changes, 0, 1);
  Atomics.notify(changes, 0);
}

function open({ host, port, delayMs }: Route): Promise<number> {
  const server = createServer({ noDelay: true }, (client) => {
    const node = connect({ host, port, noDelay: true });
    join(client, node, delayMs);
    join(node, client, delayMs);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function join(from: Socket, to: Socket, delayMs: number): void {
  from.on('data', (bytes) => {
    road.send(to, bytes, delayMs, nowMs());
    deliver(0);
  });
  from.on('error', () => undefined);
  from.on('close', () => to.destroy());
}

process.on('message', (order: ProxyOrder) => void answer(order));

async function answer(order: ProxyOrder): Promise<void> {
  if (order.kind === 'open') {
    send({ ports: await Promise.all(order.routes.map(open)) });
  } else {
    send({ lateMs: [late.at(0.5), late.at(0.99)] });
    late.clear();
  }
}

function send(reply: ProxyAnswer): void {
  process.send?.(reply);
}
