import { describe, expect, it } from '@jest/globals';
import { freshResource, LONG_MS, wallUs, type Operations } from './subject.js';

/** What acquire must do on every node. */
export function describeAcquire(on: () => Operations): void {
  describe('acquire', () => {
    it('grants a free resource, for the time asked for, with a counter', async () => {
      const resource = freshResource();
      const counter = await on().granted({ resources: [resource] });
      const inspected = await on().inspect(resource);
      expect(inspected).toMatchObject({ owner: 'anna', counter, lastTick: undefined });
      expect(inspected.remainingMs).toBeGreaterThan(LONG_MS / 2);
      expect(inspected.remainingMs).toBeLessThanOrEqual(LONG_MS);
    });

    it('refuses what another holds, and names the owner and how long its key lives', async () => {
      const resource = freshResource();
      await on().granted({ resources: [resource], holderId: 'bert' });
      const vote = await on().acquire({ resources: [resource] });
      expect(vote).toMatchObject({ kind: 'refused', reason: 'held', owner: 'bert' });
      expect(vote.kind === 'refused' && vote.remainingMs).toBeGreaterThan(LONG_MS / 2);
      expect(vote.kind === 'refused' && vote.remainingMs).toBeLessThanOrEqual(LONG_MS);
    });

    it('a refusal changes nothing: not the owner, not the counter', async () => {
      const resource = freshResource();
      const counter = await on().granted({ resources: [resource], holderId: 'bert' });
      for (let i = 0; i < 3; i++) await on().acquire({ resources: [resource] });
      expect(await on().inspect(resource)).toMatchObject({ owner: 'bert', counter });
    });

    it('grants the same holder again with the same counter: a command that arrives twice is one grant', async () => {
      const resources = [freshResource(), freshResource()];
      const counter = await on().granted({ resources });
      expect(await on().acquire({ resources })).toEqual({ kind: 'granted', counter });
      for (const resource of resources) expect((await on().inspect(resource)).counter).toBe(counter);
    });

    it('counts up by one with each holder, whether the one before released or expired', async () => {
      const resource = freshResource();
      const first = await on().granted({ resources: [resource] });
      await on().release({ resources: [resource] });
      expect(await on().granted({ resources: [resource], holderId: 'bert', ttlMs: 20 })).toBe(first + 1);
      await on().subject.expire(resource);
      expect(await on().granted({ resources: [resource], holderId: 'carl' })).toBe(first + 2);
    });

    it('counts up by as many as are reserved, for one grant and for several resources', async () => {
      const resources = [freshResource(), freshResource()];
      const first = await on().granted({ resources: [resources[0]!] });
      await on().release({ resources });
      expect(await on().granted({ resources: [resources[0]!], tokens: 7 })).toBe(first + 7);
      await on().release({ resources });
      const both = await on().granted({ resources, tokens: 5 });
      expect(both).toBeGreaterThanOrEqual(first + 12);
      expect(await on().granted({ resources, tokens: 5 })).toBe(both);
      await on().release({ resources });
      expect(await on().granted({ resources })).toBe(both + 1);
    });

    it('starts above the seed where there is no counter, and pays no heed to the seed where there is one', async () => {
      const resource = freshResource();
      const seed = wallUs();
      expect(await on().granted({ resources: [resource], seed })).toBe(seed + 1);
      await on().release({ resources: [resource] });
      expect(await on().granted({ resources: [resource], seed: seed + 500_000 })).toBe(seed + 2);
    });

    it('without fencing grants with counter 0 and keeps no counter', async () => {
      const resource = freshResource();
      expect(await on().granted({ resources: [resource], seed: undefined })).toBe(0);
      expect((await on().inspect(resource)).counter).toBeUndefined();
    });

    it('grants several resources together, with one counter above that of each', async () => {
      const [a, b] = [freshResource(), freshResource()];
      await on().granted({ resources: [a] });
      await on().release({ resources: [a] });
      const highest = await on().granted({ resources: [b], seed: wallUs() + 300_000 });
      await on().release({ resources: [b] });
      const counter = await on().granted({ resources: [a, b] });
      expect(counter).toBe(highest + 1);
      for (const resource of [a, b])
        expect(await on().inspect(resource)).toMatchObject({ owner: 'anna', counter });
    });

    it.each([0, 1, 2])('grants none of three resources where number %i is held by another', async (held) => {
      const resources = [freshResource(), freshResource(), freshResource()];
      const taken = resources[held]!;
      await on().granted({ resources: [taken], holderId: 'bert' });
      expect(await on().acquire({ resources })).toMatchObject({ kind: 'refused', owner: 'bert' });
      for (const resource of resources) {
        expect((await on().inspect(resource)).owner).toBe(resource === taken ? 'bert' : undefined);
        if (resource !== taken) expect((await on().inspect(resource)).counter).toBeUndefined();
      }
    });

    it('votes late after the deadline and writes nothing', async () => {
      const resource = freshResource();
      const vote = await on().acquire({ resources: [resource], deadlineAt: on().subject.now() - 1 });
      expect(vote).toMatchObject({ kind: 'failed', reason: 'late' });
      expect(await on().inspect(resource)).toEqual({
        kind: 'inspected',
        owner: undefined,
        remainingMs: 0,
        counter: undefined,
        lastTick: undefined,
      });
    });
  });

  describe('the tick ledger', () => {
    /** Runs once for the tick, and gives the resource. */
    async function ranOn(tick: number): Promise<string> {
      const resource = freshResource();
      const token = await on().granted({ resources: [resource], tick });
      await on().confirm({ resources: [resource], token, tick });
      await on().release({ resources: [resource] });
      return resource;
    }

    it.each([
      ['the recorded tick', 0],
      ['an earlier tick', -1_000],
    ])('refuses %s as already run, to everybody, on a free resource', async (_name, later) => {
      const tick = Date.now();
      const resource = await ranOn(tick);
      for (const holderId of ['anna', 'bert']) {
        const vote = await on().acquire({ resources: [resource], holderId, tick: tick + later });
        expect(vote).toEqual({ kind: 'refused', reason: 'already_ran' });
      }
      expect((await on().inspect(resource)).owner).toBeUndefined();
    });

    it('grants a later tick, and grants without a tick', async () => {
      const tick = Date.now();
      const resource = await ranOn(tick);
      expect(await on().acquire({ resources: [resource], tick: tick + 1 })).toMatchObject({
        kind: 'granted',
      });
      await on().release({ resources: [resource] });
      expect(await on().acquire({ resources: [resource] })).toMatchObject({ kind: 'granted' });
    });

    it('acquiring alone records nothing: a holder that dies before it confirms has not run the tick', async () => {
      const resource = freshResource();
      const tick = Date.now();
      await on().granted({ resources: [resource], tick, ttlMs: 20 });
      await on().subject.expire(resource);
      expect(await on().acquire({ resources: [resource], holderId: 'bert', tick })).toMatchObject({
        kind: 'granted',
      });
    });

    it('one resource that ran refuses all that were asked for with it', async () => {
      const ran = await ranOn(1_000);
      const other = freshResource();
      expect(await on().acquire({ resources: [other, ran], tick: 1_000 })).toEqual({
        kind: 'refused',
        reason: 'already_ran',
      });
      expect((await on().inspect(other)).owner).toBeUndefined();
    });
  });
}
