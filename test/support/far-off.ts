import type { LockNode } from '../../src/node/lock-node.js';
import type { VirtualWorld } from './virtual-world.js';

/** A small repeatable generator of numbers from 0 to 1. */
export function lehmer(seed: number): () => number {
  let state = seed * 7_919;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** A node as one client sees it: each of its requests takes its own time to arrive. */
export const farOff = (world: VirtualWorld, node: LockNode, delayMs: () => number): LockNode =>
  new Proxy(node, {
    get: (target, property) => {
      const ask: LockNode['ask'] = (request, receiver, nodeIndex) =>
        void world.clock.setTimer(() => target.ask(request, receiver, nodeIndex), delayMs());
      if (property === 'ask') return ask;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
