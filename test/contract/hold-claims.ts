import { describe, expect, it } from '@jest/globals';
import { PRESENT_ONLY } from '../../src/node/lock-node.js';
import { freshResource, LONG_MS, wallUs, type Operations } from './subject.js';

/** What confirm and extend must do on every node. */
export function describeHolding(on: () => Operations): void {
  describe('confirm', () => {
    it('raises the counter to the token and records the tick', async () => {
      const resource = freshResource();
      const counter = await on().granted({ resources: [resource] });
      const token = counter + 5;
      expect(await on().confirm({ resources: [resource], token, tick: 7_000 })).toEqual({
        kind: 'granted',
        counter: token,
      });
      expect(await on().inspect(resource)).toMatchObject({ owner: 'anna', counter: token, lastTick: 7_000 });
    });

    it('may be repeated, and without a tick leaves the recorded one', async () => {
      const resource = freshResource();
      const token = await on().granted({ resources: [resource] });
      await on().confirm({ resources: [resource], token, tick: 7_000 });
      expect(await on().confirm({ resources: [resource], token })).toEqual({
        kind: 'granted',
        counter: token,
      });
      expect(await on().inspect(resource)).toMatchObject({ counter: token, lastTick: 7_000 });
    });

    it('refuses who is not the owner, and writes nothing', async () => {
      const resource = freshResource();
      const counter = await on().granted({ resources: [resource], holderId: 'bert' });
      const vote = await on().confirm({ resources: [resource], token: counter + 9, tick: 7_000 });
      expect(vote).toMatchObject({ kind: 'refused', reason: 'held', owner: 'bert' });
      expect(await on().inspect(resource)).toMatchObject({ counter, lastTick: undefined });
    });

    it('refuses where the key is gone, and writes nothing', async () => {
      const resource = freshResource();
      const counter = await on().granted({ resources: [resource], ttlMs: 20 });
      await on().subject.expire(resource);
      expect(await on().confirm({ resources: [resource], token: counter + 9, tick: 7_000 })).toEqual({
        kind: 'refused',
        reason: 'absent',
      });
      expect(await on().inspect(resource)).toMatchObject({ counter, lastTick: undefined });
    });

    it('refuses where the counter is above the token, and never lowers it', async () => {
      const resource = freshResource();
      const counter = await on().granted({ resources: [resource] });
      expect(await on().confirm({ resources: [resource], token: counter - 1, tick: 7_000 })).toEqual({
        kind: 'refused',
        reason: 'superseded',
        counter,
      });
      expect(await on().inspect(resource)).toMatchObject({ counter, lastTick: undefined });
    });

    it('of several resources confirms all or none', async () => {
      const [a, b] = [freshResource(), freshResource()];
      const token = await on().granted({ resources: [a] });
      await on().granted({ resources: [b], holderId: 'bert', seed: undefined });
      const vote = await on().confirm({ resources: [a, b], token: token + 3, tick: 7_000 });
      expect(vote).toMatchObject({ kind: 'refused', reason: 'held', owner: 'bert' });
      expect(await on().inspect(a)).toMatchObject({ counter: token, lastTick: undefined });
    });

    it('votes late after the deadline and writes nothing', async () => {
      const resource = freshResource();
      const counter = await on().granted({ resources: [resource] });
      const deadlineAt = on().subject.now() - 1;
      expect(
        await on().confirm({ resources: [resource], token: counter + 1, tick: 7_000, deadlineAt }),
      ).toMatchObject({ kind: 'failed', reason: 'late' });
      expect(await on().inspect(resource)).toMatchObject({ counter, lastTick: undefined });
    });
  });

  describe('extend', () => {
    it('prolongs the key of its owner', async () => {
      const resource = freshResource();
      const token = await on().granted({ resources: [resource], ttlMs: LONG_MS });
      expect(await on().extend({ resources: [resource], token, ttlMs: 3 * LONG_MS })).toEqual({
        kind: 'granted',
        counter: token,
      });
      expect((await on().inspect(resource)).remainingMs).toBeGreaterThan(2 * LONG_MS);
    });

    it('never shortens', async () => {
      const resource = freshResource();
      const token = await on().granted({ resources: [resource], ttlMs: LONG_MS });
      expect(await on().extend({ resources: [resource], token, ttlMs: 10 })).toMatchObject({
        kind: 'granted',
      });
      expect((await on().inspect(resource)).remainingMs).toBeGreaterThan(LONG_MS / 2);
    });

    it('raises a counter that is below the token', async () => {
      const resource = freshResource();
      const counter = await on().granted({ resources: [resource] });
      await on().extend({ resources: [resource], token: counter + 4 });
      expect((await on().inspect(resource)).counter).toBe(counter + 4);
    });

    it('heals a key that is gone where the counter proves that nobody came after, and that counts', async () => {
      const resource = freshResource();
      const token = await on().granted({ resources: [resource], ttlMs: 20 });
      await on().subject.expire(resource);
      expect(await on().extend({ resources: [resource], token })).toEqual({
        kind: 'granted',
        counter: token,
      });
      expect(await on().inspect(resource)).toMatchObject({ owner: 'anna', counter: token });
    });

    it('sets a key again where the counter is gone too, but that counts only in a later round', async () => {
      const resource = freshResource();
      const token = 1_000;
      expect(await on().extend({ resources: [resource], token })).toMatchObject({
        kind: 'failed',
        reason: 'restored',
      });
      expect(await on().inspect(resource)).toMatchObject({ owner: 'anna', counter: token });
      expect(await on().acquire({ resources: [resource], holderId: 'bert' })).toMatchObject({
        owner: 'anna',
      });
      expect(await on().extend({ resources: [resource], token })).toEqual({
        kind: 'granted',
        counter: token,
      });
    });

    it('without fencing prolongs, and leaves a healed key uncounted', async () => {
      const resource = freshResource();
      await on().granted({ resources: [resource], seed: undefined, ttlMs: LONG_MS });
      expect(await on().extend({ resources: [resource], token: undefined, ttlMs: 3 * LONG_MS })).toEqual({
        kind: 'granted',
        counter: 0,
      });
      expect((await on().inspect(resource)).remainingMs).toBeGreaterThan(2 * LONG_MS);
      await on().release({ resources: [resource] });
      expect(await on().extend({ resources: [resource], token: undefined })).toMatchObject({
        kind: 'failed',
        reason: 'restored',
      });
      expect((await on().inspect(resource)).counter).toBeUndefined();
    });

    it('refuses what another holds, and touches nothing', async () => {
      const resource = freshResource();
      const token = await on().granted({ resources: [resource], ttlMs: 20 });
      await on().subject.expire(resource);
      const counter = await on().granted({ resources: [resource], holderId: 'bert' });
      expect(
        await on().extend({ resources: [resource], token: token + 99, ttlMs: 3 * LONG_MS }),
      ).toMatchObject({
        kind: 'refused',
        reason: 'held',
        owner: 'bert',
      });
      const inspected = await on().inspect(resource);
      expect(inspected).toMatchObject({ owner: 'bert', counter });
      expect(inspected.remainingMs).toBeLessThanOrEqual(LONG_MS);
    });

    it('refuses as absent where a later holder came and went: what was released is not brought back, whatever the ceiling', async () => {
      const resource = freshResource();
      const token = await on().granted({ resources: [resource], ttlMs: 20 });
      await on().subject.expire(resource);
      await on().granted({ resources: [resource], holderId: 'bert' });
      await on().release({ resources: [resource], holderId: 'bert' });
      expect(await on().extend({ resources: [resource], token, maxCounter: token + 99 })).toEqual({
        kind: 'refused',
        reason: 'absent',
      });
      expect((await on().inspect(resource)).owner).toBeUndefined();
    });

    it.each([
      ['with fencing', 7_000],
      ['without', undefined],
    ])('for a key that must be present, %s: prolongs it, and never sets it again', async (_, maxCounter) => {
      const resource = freshResource();
      const seed = maxCounter === undefined ? undefined : wallUs();
      const counter = await on().granted({ resources: [resource], seed });
      const request = {
        resources: [resource],
        token: PRESENT_ONLY,
        maxCounter: maxCounter === undefined ? undefined : counter + maxCounter,
      };
      expect(await on().extend({ ...request, ttlMs: 3 * LONG_MS })).toEqual({
        kind: 'granted',
        counter: request.maxCounter ?? 0,
      });
      expect((await on().inspect(resource)).remainingMs).toBeGreaterThan(2 * LONG_MS);
      await on().release({ resources: [resource] });
      expect(await on().extend(request)).toEqual({ kind: 'refused', reason: 'absent' });
      // A node that has lost the counter as well cannot know that it was released.
      const unknown = freshResource();
      expect(await on().extend({ ...request, resources: [unknown] })).toEqual({
        kind: 'refused',
        reason: 'absent',
      });
      for (const one of [resource, unknown]) expect((await on().inspect(one)).owner).toBeUndefined();
    });

    it('refuses as superseded where its own key stands under a higher counter, and not with a higher ceiling', async () => {
      const resource = freshResource();
      const counter = await on().granted({ resources: [resource] });
      expect(await on().extend({ resources: [resource], token: counter - 5 })).toEqual({
        kind: 'refused',
        reason: 'superseded',
        counter,
      });
      expect(
        await on().extend({ resources: [resource], token: counter - 5, maxCounter: counter + 2 }),
      ).toEqual({
        kind: 'granted',
        counter: counter + 2,
      });
      expect((await on().inspect(resource)).counter).toBe(counter + 2);
    });

    it('of several resources extends all or none', async () => {
      const [a, b] = [freshResource(), freshResource()];
      const token = await on().granted({ resources: [a], ttlMs: LONG_MS });
      await on().granted({ resources: [b], holderId: 'bert' });
      const vote = await on().extend({ resources: [a, b], token: token + 9, ttlMs: 3 * LONG_MS });
      expect(vote).toMatchObject({ kind: 'refused', reason: 'held', owner: 'bert' });
      const inspected = await on().inspect(a);
      expect(inspected.counter).toBe(token);
      expect(inspected.remainingMs).toBeLessThanOrEqual(LONG_MS);
    });

    it('votes late after the deadline and writes nothing', async () => {
      const resource = freshResource();
      const token = await on().granted({ resources: [resource], ttlMs: LONG_MS });
      const deadlineAt = on().subject.now() - 1;
      expect(
        await on().extend({ resources: [resource], token, ttlMs: 3 * LONG_MS, deadlineAt }),
      ).toMatchObject({ kind: 'failed', reason: 'late' });
      expect((await on().inspect(resource)).remainingMs).toBeLessThanOrEqual(LONG_MS);
    });
  });
}
