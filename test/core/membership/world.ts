import type { DueWrite } from '../../../src/core/membership/write.js';
import { Rng } from '../../simulation/rng.js';
import type { MembershipRules } from './load-core.js';
import { ModelClient, ModelNode, type NodeFlaws } from './model.js';

export interface WorldOptions {
  readonly seed: number;
  readonly rules: MembershipRules;
  readonly flaws?: NodeFlaws;
  readonly steps?: number;
  /** How long clients wait before they go by the word of fewer nodes; for ever by default. */
  readonly patienceMs?: number;
}

export interface WorldResult {
  readonly violation: string | undefined;
  readonly leases: number;
  readonly changes: number;
}

const NODES = 7;
/** Losses of memory are that far apart: never a majority within one longest lease. */
const LOSSES_APART_MS = 30_000;

/**
 * A random world of clients that come and go with lists one or more nodes apart, of writes that come late or
 * never, of nodes that are away, forget or come back with an old backup, and of addresses that lead elsewhere
 * for a while. Two leases must never be valid at once.
 */
export function runWorld({
  seed,
  rules,
  flaws = {},
  steps = 400,
  patienceMs = Infinity,
}: WorldOptions): WorldResult {
  const rng = new Rng(seed);
  const chance = (p: number): boolean => rng.next() < p;
  const pick = <T>(items: readonly T[]): T => items[Math.floor(rng.next() * items.length)]!;
  const nodes = Array.from({ length: NODES }, (_, index) => new ModelNode(index, flaws));
  const late: { readonly node: ModelNode; readonly write: DueWrite }[] = [];
  let clients: ModelClient[] = [];
  let lists: (readonly number[])[] = [[0, 1, 2]];
  let misrouted: { readonly from: number; readonly to: number } | undefined;
  let lostAt = Number.NEGATIVE_INFINITY;
  let now = 1_000;
  let leases = 0;
  let started = 0;
  const seen = new Set<string>();
  const nodeAt = (address: number): ModelNode => nodes[misrouted?.from === address ? misrouted.to : address]!;
  const start = (addresses: readonly number[]): void => {
    clients.push(new ModelClient(`c${++started}`, addresses, rules, patienceMs));
    if (clients.length > 5) clients = clients.slice(1);
  };
  const lookAll = (client: ModelClient): void =>
    client.addresses.forEach((address, place) => client.look(place, nodeAt(address), now));
  /** In every second world nodes lose their memory, and lists are near the one in use and not too short. */
  const hasLosses = seed % 2 === 0;
  const isNear = (list: readonly number[]): boolean =>
    list.length >= 3 &&
    clients.every(({ knowledge: { latest } }) => {
      const members = latest?.members.map(({ id }) => Number(id.slice(1))) ?? [0, 1, 2];
      const common = list.filter((one) => members.includes(one)).length;
      return list.length + members.length - 2 * common <= 1;
    });

  start(lists[0]!);
  start(lists[0]!);
  for (let step = 0; step < steps; step++) {
    now += chance(0.15) ? 4_000 : rng.next() * 600;
    const client = pick(clients);
    const what = rng.next();
    if (what < 0.25) lookAll(client);
    else if (what < 0.35) {
      const place = Math.floor(rng.next() * client.addresses.length);
      client.look(place, nodeAt(client.addresses[place]!), now);
    } else if (what < 0.6) {
      if (chance(0.8)) lookAll(client);
      for (const write of client.plan(now)) {
        seen.add(write.list.id);
        const node = nodeAt(client.addresses[write.nodeIndex]!);
        const isLate = chance(0.3);
        if (!isLate) node.write(write, now);
        else if (chance(0.7)) late.push({ node, write });
      }
    } else if (what < 0.66 && late.length > 0) {
      const [one] = late.splice(Math.floor(rng.next() * late.length), 1);
      one!.node.write(one!.write, now);
    } else if (what < 0.9) {
      const isReached = client.addresses.map(() => chance(0.85));
      const won = client.ask((place) => {
        const node = nodeAt(client.addresses[place]!);
        return isReached[place] === true && node.isUp ? node : undefined;
      }, now);
      if (won) {
        leases++;
        const other = clients.find((one) => one !== client && one.leaseUntil > now);
        if (other !== undefined)
          return { violation: `${client.name} and ${other.name} at ${now}`, leases, changes: seen.size };
      }
    } else if (what < 0.93) {
      const base = chance(0.75) ? lists.at(-1)! : pick(lists);
      const added = Math.floor(rng.next() * NODES);
      const next = base.includes(added) ? base.filter((one) => one !== added) : [...base, added];
      // Nothing can be found out about clients that have no node in common.
      const isFit = next.includes(0) && next.length <= 5 && (!hasLosses || isNear(next));
      if (isFit && chance(0.7)) lists = [...lists.slice(-3), next];
      start(lists.at(-1)!);
    } else if (what < 0.96) {
      const node = pick(nodes);
      if (!node.isUp) node.isUp = true;
      else if (nodes.every(({ isUp }) => isUp)) node.isUp = false;
    } else if (what < 0.98) {
      const node = pick(nodes);
      if (chance(0.5)) node.backup = { record: node.record, sequence: node.sequence };
      else if (hasLosses && now - lostAt > LOSSES_APART_MS) {
        node.forget(now, chance(0.5));
        lostAt = now;
      }
    } else
      misrouted =
        misrouted === undefined && hasLosses
          ? { from: pick(client.addresses), to: pick(lists.at(-1)!) }
          : undefined;
  }
  return { violation: undefined, leases, changes: seen.size };
}
