import { COUNTER_AHEAD_MS, SEED_MARGIN_MS } from '../../src/core/fencing.js';

/** What happens on one node, to the counter of one resource, after `pauseMs` of its time. */
export type Step =
  | {
      readonly kind: 'grant';
      readonly pauseMs: number;
      /** The client's clock less the node's. */
      readonly aheadMs: number;
      readonly tokens: number;
      /** Another node's counter is higher by so much, and is confirmed on this one. */
      readonly raise: number;
    }
  /** Grants without a pause, for so much of what is left of the key's life. */
  | { readonly kind: 'burst'; readonly pauseMs: number; readonly part: number }
  /** A holder from the past comes back: it extends, with the token that it got so many grants ago. */
  | { readonly kind: 'return'; readonly pauseMs: number; readonly grantsAgo: number };

export interface Rule {
  readonly ttlMs: number;
  /** Up to which part of the key's life a counter is believed. */
  readonly believedPart: number;
}

/** A resource's counter is counted up by a quarter of a token per microsecond at most. */
const US_PER_TOKEN = 4;

/** The tokens of all grants. The node does what the scripts do, as far as the life of a key matters. */
export function tokensOf(steps: readonly Step[], { ttlMs, believedPart }: Rule): number[] {
  const tokens: number[] = [];
  let nowUs = 1_700_000_000_000_000;
  let fence: { counter: number; readonly endsUs: number } | undefined;
  const write = (counter: number): void => {
    fence = { counter, endsUs: nowUs + ttlMs * 1_000 };
  };
  for (const step of steps) {
    nowUs += step.pauseMs * 1_000;
    if (fence !== undefined && fence.endsUs <= nowUs) fence = undefined;
    if (step.kind === 'return') {
      const token = tokens.at(-1 - step.grantsAgo);
      // A counter that is there refuses it, or has its token already.
      if (token !== undefined && fence === undefined) write(token);
      continue;
    }
    if (step.kind === 'burst') {
      if (fence === undefined) continue;
      const count = Math.floor(((fence.endsUs - nowUs) * step.part) / US_PER_TOKEN);
      nowUs += count * US_PER_TOKEN;
      // The last of them must have believed it, too.
      if (count < 1 || fence.counter + count < nowUs - ttlMs * 1_000 * believedPart) continue;
      fence.counter += count;
      tokens.push(fence.counter);
      continue;
    }
    const newest = nowUs + COUNTER_AHEAD_MS * 1_000;
    const oldest = nowUs - ttlMs * 1_000 * believedPart;
    if (fence !== undefined && fence.counter >= oldest && fence.counter + step.tokens <= newest) {
      fence.counter += step.tokens;
    } else {
      const margin = SEED_MARGIN_MS;
      const seed = nowUs + Math.min(margin, Math.max(-margin, step.aheadMs)) * 1_000;
      const counter: number = Math.max(fence?.counter ?? 0, seed);
      if (counter > newest) continue;
      write(counter + step.tokens);
    }
    if (step.raise > 0) write(Math.min(newest, fence!.counter + step.raise * 1_000));
    tokens.push(fence!.counter);
    nowUs += step.tokens * US_PER_TOKEN;
  }
  return tokens;
}
