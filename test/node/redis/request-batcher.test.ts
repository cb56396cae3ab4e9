import { describe, expect, it } from '@jest/globals';
import { RequestBatcher } from '../../../src/node/redis/request-batcher.js';
import { VirtualClock } from '../../support/virtual-clock.js';

interface Item {
  readonly weight: number;
  readonly of: string;
}

const item = (of: string, weight = 1): Item => ({ of, weight });

/** What is sent to a server that answers when a test says so, the oldest batch first. */
class Sent {
  readonly clock = new VirtualClock();
  readonly batches: string[][] = [];
  readonly #answers: (() => void)[] = [];
  readonly requests = new RequestBatcher<Item>(this.clock, (batch, done) => {
    this.batches.push(batch.map(({ of }) => of));
    this.#answers.push(done);
  });

  /** Each of them in a turn of its own. */
  async add(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.requests.add(item(name));
      await this.clock.advance(0);
    }
  }

  async answer(): Promise<void> {
    this.#answers.shift()!();
    await this.clock.advance(0);
  }

  withdraw(name: string): string[] {
    return this.requests.withdraw(({ of }) => of === name).map(({ of }) => of);
  }
}

describe('requests', () => {
  it('go together where they arise in one turn, and one that comes alone goes alone', async () => {
    const sent = new Sent();
    for (const name of ['a', 'b', 'c']) sent.requests.add(item(name));
    await sent.clock.advance(0);
    await sent.add('d');
    expect(sent.batches).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('are gathered while two batches are under way', async () => {
    const sent = new Sent();
    await sent.add('a', 'b', 'c', 'd');
    expect(sent.batches).toEqual([['a'], ['b']]);
    await sent.answer();
    expect(sent.batches).toEqual([['a'], ['b'], ['c', 'd']]);
  });

  it('go in order, and no batch is too heavy, but for one that has to be', async () => {
    const sent = new Sent();
    for (const one of [item('a', 124), item('b', 4), item('c', 1), item('d', 200), item('e')])
      sent.requests.add(one);
    await sent.clock.advance(0);
    expect(sent.batches).toEqual([['a', 'b'], ['c']]);
    await sent.answer();
    await sent.answer();
    expect(sent.batches.slice(2)).toEqual([['d'], ['e']]);
  });
});

describe('a request that nobody needs any more', () => {
  it('is dropped where it has not been sent, and the server does not answer', async () => {
    const sent = new Sent();
    await sent.add('a', 'b', 'old');
    await sent.clock.advance(100);
    expect(sent.withdraw('c')).toEqual([]);
    await sent.add('c', 'd', 'c', 'e');
    expect(sent.withdraw('c')).toEqual(['c', 'c']);
    expect(sent.withdraw('c')).toEqual([]);
    // What came before it was known that the server does not answer is left.
    expect(sent.withdraw('old')).toEqual([]);
    await sent.answer();
    expect(sent.batches).toEqual([['a'], ['b'], ['old', 'd', 'e']]);
  });

  it('is not where the server answers: what one node has not seen, another would have to be told', async () => {
    const sent = new Sent();
    await sent.add('a', 'b', 'c');
    await sent.clock.advance(99);
    expect(sent.withdraw('c')).toEqual([]);
    await sent.clock.advance(1);
    await sent.answer();
    await sent.add('d');
    expect(sent.withdraw('d')).toEqual([]);
    expect(sent.batches).toEqual([['a'], ['b'], ['c']]);
  });

  it('is not where it has been sent', async () => {
    const sent = new Sent();
    await sent.add('a', 'b', 'c');
    await sent.clock.advance(1_000);
    expect(sent.withdraw('a')).toEqual([]);
  });

  it('that comes after a pause finds no server that does not answer', async () => {
    const sent = new Sent();
    await sent.add('a');
    await sent.answer();
    await sent.clock.advance(60_000);
    await sent.add('b', 'c', 'd');
    expect(sent.withdraw('d')).toEqual([]);
  });

  it('is not in the turn in which it arose: nothing keeps it from being sent', async () => {
    const sent = new Sent();
    await sent.add('a');
    await sent.clock.advance(1_000);
    sent.requests.add(item('b'));
    expect(sent.withdraw('b')).toEqual([]);
  });
});
