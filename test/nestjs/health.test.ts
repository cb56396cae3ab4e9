import { Controller, Get, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { describe, expect, it } from '@jest/globals';
import { LockManager, memoryNode } from '../../src/index.js';
import { getLockHealthToken, LockHealthIndicator } from '../../src/nestjs/index.js';
import { start } from './support.js';

/** Nothing listens on this port, so a connection is refused at once. */
const NOBODY = 'redis://127.0.0.1:1';

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly locks: LockHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.locks.check('locks')]);
  }
}

@Module({ imports: [TerminusModule], controllers: [HealthController] })
class HealthModule {}

describe('the health indicator', () => {
  it('tells terminus that locks work, and degraded where they exclude this process only', async () => {
    const { app } = await start({ imports: [HealthModule] }, { nodes: [memoryNode()] });
    expect(await app.get(HealthController).check()).toMatchObject({
      status: 'ok',
      details: { locks: { status: 'up', state: 'degraded', ready: 1, needed: 1, nodes: 1, margin: 0 } },
    });
  });

  it('fails the check while too few nodes are ready, and tells no address', async () => {
    const { app } = await start({ imports: [HealthModule] }, { nodes: [NOBODY, memoryNode(), NOBODY + '0'] });
    const answer = app.get(HealthController).check();
    await expect(answer).rejects.toMatchObject({ status: 503 });
    const told = JSON.stringify(await answer.catch((error: unknown) => error));
    expect(told).toContain('1 of 3 nodes is ready, and 2 are needed');
    expect(told).not.toContain('127.0.0.1');
  });

  it('is down when the manager is closed, and each module has its own', async () => {
    const { app } = await start({}, { nodes: [memoryNode()], name: 'reports' });
    const indicator = app.get<LockHealthIndicator>(getLockHealthToken('reports'));
    await app.close();
    expect(await indicator.check()).toMatchObject({ locks: { status: 'down', state: 'down' } });
  });
});

describe('requireQuorum', () => {
  it('stops the start without a majority, names the nodes, and leaves nothing open', async () => {
    const nodes = [memoryNode(), NOBODY, NOBODY + '0'];
    const starting = start({}, { nodes, requireQuorum: true });
    await expect(starting).rejects.toThrow(
      /^requireQuorum: 1 of 3 nodes ready, and 2 are needed\. 127\.0\.0\.1:1: unreachable/,
    );
  });

  it('starts with a majority, and says at once that locks work', async () => {
    const away = memoryNode({ name: 'third' });
    Object.defineProperty(away, 'state', { value: { status: 'unreachable', reason: 'cut off' } });
    const nodes = [memoryNode(), memoryNode({ name: 'second' }), away];
    const { app } = await start({}, { nodes, requireQuorum: true });
    const locks = app.get(LockManager);
    expect(locks.health()).toMatchObject({ status: 'degraded', ready: 2, margin: 0 });
    await (await locks.acquire('report')).release();
  });

  it('stops the start where the first use of the nodes waits for one that keeps their list', async () => {
    const nodes = [memoryNode(), memoryNode({ name: 'second' }), NOBODY];
    await expect(start({}, { nodes, requireQuorum: true })).rejects.toThrow(
      'requireQuorum: 2 of 3 nodes ready, and 2 are needed. no list of nodes is in use yet',
    );
  });

  it('refuses a value that is neither true nor false', async () => {
    const options = { nodes: [memoryNode()], requireQuorum: 'yes' as unknown as boolean };
    await expect(start({}, options)).rejects.toThrow("requireQuorum must be true or false, got 'yes'");
  });
});
