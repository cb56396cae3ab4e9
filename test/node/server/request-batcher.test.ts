import { describe, expect, it } from '@jest/globals';
import { RequestBatcher } from '../../../src/node/server/request-batcher.js';
import { VirtualClock } from '../../support/virtual-clock.js';

interface Item {
  readonly weight: number;
  readonly of: string;
}

const item = (of: string, weight = 1): Item => ({ of, weight });

/** A batcher, and a server that answers the oldest batch when a test says so. */
class Sent {
  readonly clock = new VirtualClock();
  readonly batches: string[][] = [];
  readonly #answers: (() => void)[] = [];
  readonly requests = new RequestBatcher<Item>(this.clock, (batch, done) => {
    this.batches.push(batch.map(({ of }) => of));
    this.#answers.push(done);
  });

  /** Adds each request in a turn of its own. */
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

describe('the request batcher', () => {
  it('requests of one turn go in one batch, and a request that comes alone goes alone', async () => {
    const sent = new Sent();
    for (const name of ['a', 'b', 'c']) sent.requests.add(item(name));
    await sent.clock.advance(0);
    await sent.add('d');
    expect(sent.batches).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('requests are gathered while two batches are under way', async () => {
    const sent = new Sent();
    await sent.add('a', 'b', 'c', 'd');
    expect(sent.batches).toEqual([['a'], ['b']]);
    await sent.answer();
    expect(sent.batches).toEqual([['a'], ['b'], ['c', 'd']]);
  });

  it('requests go in order, and no batch is too heavy unless one request is', async () => {
    const sent = new Sent();
    for (const one of [item('a', 124), item('b', 4), item('c', 1), item('d', 200), item('e')])
      sent.requests.add(one);
    await sent.clock.advance(0);
    expect(sent.batches).toEqual([['a', 'b'], ['c'], ['d']]);
    await sent.answer();
    await sent.answer();
    expect(sent.batches[3]).toEqual(['e']);
  });

  it('a full batch is sent although two are under way, until sixteen are', async () => {
    const sent = new Sent();
    await sent.add('a', 'b');
    for (let batch = 0; batch < 15; batch++) {
      sent.requests.add(item('light', 127));
      await sent.clock.advance(0);
      expect(sent.batches).toHaveLength(2 + Math.min(batch, 14));
      sent.requests.add(item('rest'));
      await sent.clock.advance(0);
    }
    expect(sent.batches.slice(2)).toEqual(Array.from({ length: 14 }, () => ['light', 'rest']));
    await sent.answer();
    expect(sent.batches).toHaveLength(17);
  });

  it('what is withdrawn does not count for a full batch', async () => {
    const sent = new Sent();
    await sent.add('a', 'b');
    await sent.clock.advance(100);
    sent.withdraw('nothing');
    sent.requests.add(item('c', 100));
    expect(sent.withdraw('c')).toEqual(['c']);
    sent.requests.add(item('d', 100));
    await sent.clock.advance(0);
    expect(sent.batches).toHaveLength(2);
    await sent.answer();
    expect(sent.batches[2]).toEqual(['d']);
  });
});

describe('a withdrawn request', () => {
  it('an unsent request is withdrawn if the server is stalled', async () => {
    const sent = new Sent();
    await sent.add('a', 'b', 'old');
    await sent.clock.advance(100);
    expect(sent.withdraw('c')).toEqual([]);
    await sent.add('c', 'd', 'c', 'e');
    expect(sent.withdraw('c')).toEqual(['c', 'c']);
    expect(sent.withdraw('c')).toEqual([]);
    // Requests that came before the stall was seen stay.
    expect(sent.withdraw('old')).toEqual([]);
    await sent.answer();
    expect(sent.batches).toEqual([['a'], ['b'], ['old', 'd', 'e']]);
  });

  it('no request is withdrawn if the server answers', async () => {
    const sent = new Sent();
    await sent.add('a', 'b', 'c');
    await sent.clock.advance(99);
    expect(sent.withdraw('c')).toEqual([]);
    await sent.clock.advance(1);
    await sent.answer();
    await sent.add('d');
    expect(sent.withdraw('d')).toEqual([]);
    // What came before a stall is seen stays anyway; this one comes after that look.
    await sent.add('e');
    expect(sent.withdraw('e')).toEqual([]);
    expect(sent.batches).toEqual([['a'], ['b'], ['c']]);
  });

  it('a request that was sent is not withdrawn', async () => {
    const sent = new Sent();
    await sent.add('a', 'b', 'c');
    await sent.clock.advance(1_000);
    expect(sent.withdraw('a')).toEqual([]);
  });

  it('a server without requests is not stalled, however long the pause', async () => {
    const sent = new Sent();
    await sent.add('a');
    await sent.answer();
    await sent.clock.advance(60_000);
    await sent.add('b', 'c', 'd');
    expect(sent.withdraw('d')).toEqual([]);
  });

  it('a request is not withdrawn in its own turn, at whose end it is sent', async () => {
    const sent = new Sent();
    await sent.add('a');
    await sent.clock.advance(1_000);
    sent.requests.add(item('b'));
    expect(sent.withdraw('b')).toEqual([]);
  });
});
