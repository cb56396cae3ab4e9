import { mayAskOthers, overAt, ASK_OTHERS_AFTER_MS, type Witness } from '../../src/core/quarantine.js';
import { Rng } from '../simulation/rng.js';

/**
 * Ways to break the rule. Each must lead to two holders at once in some world.
 *
 * The simulation of whole clients hardly reaches two of them, one other too few and an untrusted other: every
 * request raises the instant of the node that it comes to, granted or not, so a node that took no part in a
 * lease seldom tells that nothing is out. A hundred and ten worlds that were made for it showed neither.
 */
export const QUARANTINE_FLAWS = [
  'no settling: the others are asked at once',
  'others asked while a request may be on its way',
  'one other too few',
  'others asked too early',
  'an untrusted other counted',
  'an extension that does not raise the instant',
  'a release that lowers the instant',
  'a lift of whatever memory is there',
  'a long lease that anybody takes off the list',
] as const;

export type QuarantineFlaw = (typeof QUARANTINE_FLAWS)[number];

const NODES = 3;
const MAJORITY = 2;
/** The longest that a request is on its way before it is refused as late. */
const DEADLINE_MS = 2_000;
const LONG_TTL_MS = 12_000;
const MAX_TTL_MS = 20_000;
const DRIFT = 0.01;
const WORLD_MS = 90_000;

interface Key {
  readonly holder: number;
  readonly expires: number;
}

/** A node with two resources. Its clock is that of the world. */
class Node {
  memory = 0;
  since = Number.NEGATIVE_INFINITY;
  isLifted = true;
  keys: (Key | undefined)[] = [];
  /** The last holder of each resource, as far as this memory knows; in place of a counter. */
  last: (number | undefined)[] = [];
  instant = 0;
  /** The long leases, by holder. */
  long = new Map<number, number>();

  forget(now: number): void {
    this.memory++;
    Object.assign(this, { since: now, isLifted: false, keys: [], last: [], instant: 0, long: new Map() });
  }

  isTrusted(now: number): boolean {
    return this.isLifted || now > this.since + MAX_TTL_MS;
  }

  owner(resource: number, now: number): Key | undefined {
    const key = this.keys[resource];
    return key !== undefined && key.expires > now ? key : undefined;
  }

  outMs(now: number): number {
    return Math.max(0, this.instant - now, ...[...this.long.values()].map((expires) => expires - now));
  }

  raise(holder: number, now: number, ttlMs: number): void {
    const expires = now + ttlMs;
    if (ttlMs > LONG_TTL_MS) this.long.set(holder, Math.max(expires, this.long.get(holder) ?? 0));
    else this.instant = Math.max(this.instant, expires);
  }
}

interface Lease {
  readonly resource: number;
  readonly holder: number;
  readonly ttlMs: number;
  readonly begins: number;
  /** When its validity ends, or when it was released. */
  ends: number;
}

/** A seeded world: clients that acquire, extend and release one resource, nodes that lose their memory. */
class World {
  readonly #rng: Rng;
  readonly #nodes = Array.from({ length: NODES }, () => new Node());
  readonly #leases: Lease[] = [];
  readonly #events: { readonly at: number; readonly run: () => void }[] = [];
  #now = 0;
  #holders = 0;

  constructor(
    seed: number,
    private readonly flaw: QuarantineFlaw | undefined,
  ) {
    this.#rng = new Rng(seed);
  }

  /** Two leases that were valid at once, if there are any; and how many quarantines were lifted. */
  run(): { readonly overlap: boolean; readonly lifts: number; readonly leases: number } {
    for (let client = 0; client < 3; client++) this.#later(this.#rng.between(0, 2_000), () => this.#live());
    this.#later(this.#rng.between(0, 10_000), () => this.#restart());
    while (this.#now < WORLD_MS) {
      const [event] = this.#events.splice(this.#first(), 1);
      if (event === undefined) break;
      this.#now = event.at;
      event.run();
    }
    const inOrder = this.#leases.toSorted((a, b) => a.begins - b.begins);
    const overlap = inOrder.some((one, at) =>
      inOrder.slice(at + 1).some(({ resource, begins }) => resource === one.resource && begins < one.ends),
    );
    return { overlap, lifts: this.#lifts, leases: this.#leases.length };
  }

  #lifts = 0;

  #first(): number {
    let first = 0;
    this.#events.forEach(({ at }, place) => {
      if (at < this.#events[first]!.at) first = place;
    });
    return first;
  }

  #later(delayMs: number, run: () => void): void {
    this.#events.push({ at: this.#now + delayMs, run });
  }

  /** Most messages are quick; some take as long as they may; some are lost. */
  #delay(): number | undefined {
    if (this.#rng.chance(0.1)) return undefined;
    return this.#rng.chance(0.25) ? this.#rng.between(0, 1.2 * DEADLINE_MS) : this.#rng.between(0, 20);
  }

  /** Links between clients and nodes are down for a while, so that a lease is known to two nodes only. */
  readonly #down = new Map<string, boolean>();

  #isDown(holder: number, node: Node): boolean {
    const link = `${holder} ${this.#nodes.indexOf(node)}`;
    const known = this.#down.get(link);
    if (known !== undefined && !this.#rng.chance(0.35)) return known;
    const isDown = this.#rng.chance(0.3);
    this.#down.set(link, isDown);
    return isDown;
  }

  /** Carries out a request on each node, and calls back with each answer. Some never arrive. */
  #askAll<T>(holder: number, act: (node: Node) => T | undefined, answered: (answer: T) => void): void {
    const sentAt = this.#now;
    for (const node of this.#nodes) {
      const [there, back] = [this.#delay(), this.#delay()];
      if (there === undefined || this.#isDown(holder, node)) continue;
      this.#later(there, () => {
        if (this.#now > sentAt + DEADLINE_MS) return;
        const answer = act(node);
        if (answer !== undefined && back !== undefined) this.#later(back, () => answered(answer));
      });
    }
  }

  /** One client: acquires, perhaps extends, releases or dies, and comes again. */
  #live(): void {
    const [holder, sentAt] = [++this.#holders, this.#now];
    const resource = holder % 2;
    const ttlMs = this.#rng.chance(0.4)
      ? this.#rng.between(LONG_TTL_MS, MAX_TTL_MS)
      : this.#rng.between(2_500, LONG_TTL_MS);
    let grants = 0;
    let lease: Lease | undefined;
    this.#askAll(
      holder,
      (node) => {
        const owner = node.owner(resource, this.#now);
        if (owner !== undefined && owner.holder !== holder) return false;
        node.keys[resource] = { holder, expires: this.#now + ttlMs };
        node.last[resource] = Math.max(holder, node.last[resource] ?? 0);
        // Servers that crash do so at the worst moment.
        if (this.#rng.chance(0.08)) this.#later(this.#rng.between(0, 300), () => this.#forget(node));
        node.raise(holder, this.#now, ttlMs);
        return node.isTrusted(this.#now);
      },
      (isGrant) => {
        if (isGrant) grants++;
        if (grants !== MAJORITY || lease !== undefined || this.#now > sentAt + DEADLINE_MS) return;
        lease = { resource, holder, ttlMs, begins: this.#now, ends: sentAt + ttlMs };
        this.#leases.push(lease);
        this.#hold(lease);
      },
    );
    this.#later(DEADLINE_MS, () => {
      if (lease === undefined) this.#release(resource, holder);
      this.#later(this.#rng.between(0, 9_000), () => this.#live());
    });
  }

  #hold(lease: Lease): void {
    if (this.#rng.chance(0.25)) this.#later(this.#rng.between(500, lease.ttlMs), () => this.#end(lease));
    else if (this.#rng.chance(0.7)) this.#later(lease.ttlMs / 3, () => this.#extend(lease));
  }

  #end(lease: Lease): void {
    lease.ends = Math.min(lease.ends, this.#now);
    this.#release(lease.resource, lease.holder);
  }

  #extend(lease: Lease): void {
    if (this.#now >= lease.ends) return;
    const sentAt = this.#now;
    let votes = 0;
    this.#askAll(
      lease.holder,
      (node) => {
        const owner = node.owner(lease.resource, this.#now);
        if (owner !== undefined && owner.holder !== lease.holder) return false;
        const expires = Math.max(this.#now + lease.ttlMs, owner?.expires ?? 0);
        const last = node.last[lease.resource];
        if (owner === undefined && last !== undefined && last > lease.holder) return false;
        node.keys[lease.resource] = { holder: lease.holder, expires };
        node.last[lease.resource] = Math.max(lease.holder, last ?? 0);
        if (this.flaw !== 'an extension that does not raise the instant')
          node.raise(lease.holder, this.#now, lease.ttlMs);
        if (this.#rng.chance(0.08)) this.#later(this.#rng.between(0, 300), () => this.#forget(node));
        // Where the memory does not know that nobody came after, a key that was set again protects from now
        // on and counts in the next round.
        return last !== undefined && node.isTrusted(this.#now);
      },
      (isVote) => {
        if (isVote) votes++;
        if (votes === MAJORITY && this.#now < lease.ends)
          lease.ends = Math.max(lease.ends, sentAt + lease.ttlMs);
      },
    );
    this.#later(lease.ttlMs / 3, () => {
      if (this.#rng.chance(0.75)) this.#extend(lease);
    });
  }

  #release(resource: number, holder: number): void {
    for (const node of this.#nodes) {
      const delay = this.#delay();
      if (delay === undefined) continue;
      this.#later(delay, () => {
        if (this.flaw === 'a long lease that anybody takes off the list') node.long.clear();
        if (node.owner(resource, this.#now)?.holder !== holder) return;
        node.keys[resource] = undefined;
        node.long.delete(holder);
        if (this.flaw === 'a release that lowers the instant') node.instant = this.#now;
      });
    }
  }

  #restart(): void {
    this.#forget(this.#rng.pick(this.#nodes));
    this.#later(this.#rng.between(5_000, 30_000), () => this.#restart());
  }

  #forget(node: Node): void {
    node.forget(this.#now);
    this.#later(this.#rng.between(0, 50), () => this.#lift(node));
  }

  get #askAfterMs(): number {
    if (this.flaw === 'no settling: the others are asked at once') return 0;
    return this.flaw === 'others asked while a request may be on its way'
      ? DEADLINE_MS / 2
      : ASK_OTHERS_AFTER_MS;
  }

  /** Any client's loop: see `QuarantineLifter`. */
  #lift(node: Node): void {
    if (node.isTrusted(this.#now)) return;
    const { memory } = node;
    const ageMs = this.#now - node.since;
    const isEarly = this.flaw === 'others asked too early';
    const looked = {
      memory: '',
      ageMs: ageMs + ASK_OTHERS_AFTER_MS - this.#askAfterMs,
      leftMs: 1,
      isTrusted: false,
    };
    if (!mayAskOthers({ ...looked, outMs: 0 }) && !isEarly) {
      this.#later(this.#askAfterMs - ageMs + 1, () => this.#lift(node));
      return;
    }
    const others: Witness[] = [];
    for (const other of this.#nodes) {
      const [there, back] = [this.#rng.between(0, 20), this.#rng.between(0, 20)];
      if (other === node || this.#rng.chance(0.1)) continue;
      this.#later(there, () => {
        const isTrusted = other.isTrusted(this.#now) || this.flaw === 'an untrusted other counted';
        const report = { memory: '', ageMs: 0, leftMs: 0, isTrusted, outMs: other.outMs(this.#now) };
        this.#later(back, () => others.push({ ...report, receivedAt: this.#now }));
      });
    }
    this.#later(50, () => {
      const enough = this.flaw === 'one other too few' ? MAJORITY - 1 : MAJORITY;
      const at = overAt(others, enough, DRIFT);
      if (at === undefined) this.#later(500, () => this.#lift(node));
      else {
        const askedFrom = isEarly ? node.since + ASK_OTHERS_AFTER_MS : this.#now;
        this.#later(Math.max(0, at - this.#now, askedFrom - this.#now), () => {
          const isSame = node.memory === memory || this.flaw === 'a lift of whatever memory is there';
          if (!isSame || node.isTrusted(this.#now)) return;
          node.isLifted = true;
          this.#lifts++;
        });
      }
    });
  }
}

/** The first world of these seeds with two holders at once. */
export function findOverlap(worlds: number, firstSeed: number, flaw?: QuarantineFlaw): number | undefined {
  for (let seed = firstSeed; seed < firstSeed + worlds; seed++)
    if (new World(seed, flaw).run().overlap) return seed;
  return undefined;
}

/** How much happens in these worlds, so that their silence says something. */
export function tallyOf(
  worlds: number,
  firstSeed: number,
): { readonly lifts: number; readonly leases: number } {
  let [lifts, leases] = [0, 0];
  for (let seed = firstSeed; seed < firstSeed + worlds; seed++) {
    const run = new World(seed, undefined).run();
    lifts += run.lifts;
    leases += run.leases;
  }
  return { lifts, leases };
}
