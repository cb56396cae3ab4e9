import { describe, expect, it } from '@jest/globals';
import { freshResource, LONG_MS, type Operations } from './subject.js';

/** What release and inspect must do on every node, and what holds for a batch of any operation. */
export function describeReleasing(on: () => Operations): void {
  describe('release', () => {
    it('deletes the key of its owner and leaves the counter and the tick', async () => {
      const resource = freshResource();
      const token = await on().granted({ resources: [resource] });
      await on().confirm({ resources: [resource], token, tick: 7_000 });
      expect(await on().release({ resources: [resource] })).toMatchObject({ kind: 'granted' });
      expect(await on().inspect(resource)).toMatchObject({
        owner: undefined,
        remainingMs: 0,
        counter: token,
        lastTick: 7_000,
      });
    });

    it("leaves another's key alone, and says that its own is absent", async () => {
      const resource = freshResource();
      await on().granted({ resources: [resource], holderId: 'bert' });
      expect(await on().release({ resources: [resource] })).toEqual({ kind: 'refused', reason: 'absent' });
      expect((await on().inspect(resource)).owner).toBe('bert');
    });

    it('is absent where nothing is, the second time too', async () => {
      const resource = freshResource();
      await on().granted({ resources: [resource] });
      await on().release({ resources: [resource] });
      for (let i = 0; i < 2; i++) {
        expect(await on().release({ resources: [resource] })).toEqual({ kind: 'refused', reason: 'absent' });
      }
    });

    it('with keepMs shortens the key instead, and it stays its own', async () => {
      const resource = freshResource();
      await on().granted({ resources: [resource], ttlMs: 3 * LONG_MS });
      expect(await on().release({ resources: [resource], keepMs: LONG_MS })).toMatchObject({
        kind: 'granted',
      });
      const inspected = await on().inspect(resource);
      expect(inspected.owner).toBe('anna');
      expect(inspected.remainingMs).toBeLessThanOrEqual(LONG_MS);
      expect(inspected.remainingMs).toBeGreaterThan(LONG_MS / 2);
    });

    it('releases what it has of several resources', async () => {
      const [a, b, c] = [freshResource(), freshResource(), freshResource()];
      await on().granted({ resources: [a] });
      await on().granted({ resources: [b], holderId: 'bert' });
      expect(await on().release({ resources: [a, b, c] })).toMatchObject({ kind: 'granted' });
      expect((await on().inspect(a)).owner).toBeUndefined();
      expect((await on().inspect(b)).owner).toBe('bert');
    });
  });

  describe('inspect', () => {
    it('of an unknown resource finds nothing, and makes nothing', async () => {
      const resource = freshResource();
      for (let i = 0; i < 2; i++) {
        expect(await on().inspect(resource)).toEqual({
          kind: 'inspected',
          owner: undefined,
          remainingMs: 0,
          counter: undefined,
          lastTick: undefined,
        });
      }
    });
  });

  describe('a batch', () => {
    it('of no inspections has no answers', async () => {
      expect(await on().subject.node.inspect([])).toEqual([]);
    });

    it('of acquisitions is answered in order, each request by itself', async () => {
      const [free, held, pair1, pair2] = Array.from({ length: 4 }, freshResource) as [
        string,
        string,
        string,
        string,
      ];
      await on().granted({ resources: [held], holderId: 'bert' });
      const requests = [
        on().acquireRequest({ resources: [held] }),
        on().acquireRequest({ resources: [free] }),
        on().acquireRequest({ resources: [pair1, pair2], seed: undefined }),
        on().acquireRequest({ resources: [freshResource()], deadlineAt: on().subject.now() - 1 }),
        on().acquireRequest({ resources: [pair2], holderId: 'carl' }),
        on().acquireRequest({ resources: [free] }),
      ];
      expect(await on().askAll(requests)).toMatchObject([
        { kind: 'refused', reason: 'held', owner: 'bert' },
        { kind: 'granted' },
        { kind: 'granted', counter: 0 },
        { kind: 'failed', reason: 'late' },
        { kind: 'refused', reason: 'held', owner: 'anna' },
        { kind: 'granted' },
      ]);
    });

    it('of confirmations, extensions, releases and inspections is answered in order', async () => {
      const [a, b] = [freshResource(), freshResource()];
      const token = await on().granted({ resources: [a] });
      await on().granted({ resources: [b], holderId: 'bert' });
      const { node } = on().subject;
      expect(
        await on().askAll([
          on().confirmRequest({ resources: [b], token: token + 1 }),
          on().confirmRequest({ resources: [a], token: token + 1 }),
        ]),
      ).toMatchObject([{ reason: 'held' }, { kind: 'granted', counter: token + 1 }]);
      expect(
        await on().askAll([
          on().extendRequest({ resources: [a], token: token + 1 }),
          on().extendRequest({ resources: [b], token: token + 1 }),
          on().extendRequest({ resources: [a], token }),
        ]),
      ).toMatchObject([{ kind: 'granted' }, { reason: 'held' }, { reason: 'superseded' }]);
      expect(await node.inspect([b, a])).toMatchObject([{ owner: 'bert' }, { owner: 'anna' }]);
      expect(
        await on().askAll([on().releaseRequest({ resources: [b] }), on().releaseRequest({ resources: [a] })]),
      ).toMatchObject([{ reason: 'absent' }, { kind: 'granted' }]);
    });

    it('of 500 requests is answered', async () => {
      const requests = Array.from({ length: 500 }, () =>
        on().acquireRequest({ resources: [freshResource()], ttlMs: LONG_MS }),
      );
      const votes = await on().askAll(requests);
      expect(votes.filter((vote) => vote.kind === 'granted')).toHaveLength(500);
    });
  });

  it('a refused node has no vote, and says why', async () => {
    const { node } = on().subject;
    node.markMisconfigured!('it is the same server as another');
    expect(node.state).toMatchObject({ status: 'misconfigured', reason: 'it is the same server as another' });
    expect(await on().acquire({ resources: [freshResource()] })).toMatchObject({
      kind: 'failed',
      reason: 'unreachable',
      cause: new Error('it is the same server as another'),
    });
  });
}
