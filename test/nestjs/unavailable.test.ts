import { beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, NotFoundException, Post, SetMetadata } from '@nestjs/common';
import { currentLease, LockManager, QuorumUnreachableError } from '../../src/index.js';
import { DistributedLock, LockedHandler } from '../../src/nestjs/index.js';
import { fragileNode, listen, start, type Application } from './support.js';

/** A stand-in for `@Process` of @nestjs/bull: what it writes on a method. */
const Process = (): MethodDecorator => SetMetadata('bull:module_queue_process', {});
let leases: unknown[] = [];

const body = async (): Promise<string> => {
  leases.push(currentLease());
  return 'done';
};

beforeEach(() => {
  leases = [];
});

@Injectable()
class Jobs {
  @DistributedLock({ key: 'a' })
  async byDefault(): Promise<string> {
    return body();
  }

  @DistributedLock({ key: 'b', onUnavailable: 'throw' })
  async throws(): Promise<string> {
    return body();
  }

  @DistributedLock({ key: 'c', onUnavailable: 'run' })
  async runs(): Promise<string> {
    return body();
  }

  @Process()
  @DistributedLock({ key: 'd', onUnavailable: 'skip' })
  async ofQueue(_job: unknown): Promise<string> {
    return body();
  }
}

@Controller()
class Routes {
  @Get('skips-held')
  @DistributedLock({ key: 'e', onHeld: 'skip' })
  async skipsHeld(): Promise<string> {
    return body();
  }

  @Get('skips')
  @DistributedLock({ key: 'f', onUnavailable: 'skip' })
  async skips(): Promise<string> {
    return body();
  }

  @Get('runs')
  @DistributedLock({ key: 'g', onUnavailable: 'run' })
  async runs(): Promise<string> {
    return body();
  }

  @Get('handler')
  @LockedHandler({ key: 'h', onUnavailable: 'run' })
  handler(): Promise<string> {
    return body();
  }

  @Post('missing')
  @LockedHandler({ key: 'i', onUnavailable: 'run' })
  missing(): never {
    throw new NotFoundException('no such thing');
  }
}

type Setting = Application & { readonly node: ReturnType<typeof fragileNode> };

async function unreachable(): Promise<Setting> {
  const node = fragileNode();
  node.reachable = false;
  const application = await start({ providers: [Jobs], controllers: [Routes] }, { nodes: [node] });
  return { ...application, node };
}

describe('no majority of the nodes', () => {
  it('a method for which nobody waits is skipped, or rejects by its option', async () => {
    const { app, log } = await unreachable();
    expect(await app.get(Jobs).byDefault()).toBeUndefined();
    await expect(app.get(Jobs).throws()).rejects.toBeInstanceOf(QuorumUnreachableError);
    expect(leases).toEqual([]);
    expect(log.of('DistributedLock', 'error')).toEqual([expect.stringMatching(/^Skipping execution - "a"/)]);
  });

  it('with onUnavailable run a method runs without the lock, with a warning and an event', async () => {
    const { app, log, events, node } = await unreachable();
    expect(await app.get(Jobs).runs()).toBe('done');
    expect(leases).toEqual([undefined]);
    const warning = 'Running without the lock - no majority of the nodes: c';
    expect(log.of('DistributedLock', 'warn')).toEqual([warning]);
    expect(events).toContainEqual(expect.objectContaining({ type: 'failed', reason: 'unreachable' }));
    node.reachable = true;
    expect(await app.get(Jobs).runs()).toBe('done');
    expect(leases).toEqual([undefined, expect.objectContaining({ resources: ['c'] })]);
  });

  it('with onUnavailable run nothing runs that is held by somebody, or during the shutdown', async () => {
    const { app, node } = await unreachable();
    node.reachable = true;
    const other = new LockManager({ nodes: [node], warn: () => undefined });
    await other.acquire('c');
    expect(await app.get(Jobs).runs()).toBeUndefined();
    node.reachable = false;
    app.get(LockManager).drain();
    expect(await app.get(Jobs).runs()).toBeUndefined();
    expect(leases).toEqual([]);
  });

  it('a job of a queue is never completed by onUnavailable skip', async () => {
    const { app } = await unreachable();
    await expect(app.get(Jobs).ofQueue({})).rejects.toBeInstanceOf(QuorumUnreachableError);
  });

  it.each([
    ['skips-held', 503, /cannot be reached/, 0],
    ['skips', 200, /^$/, 0],
    ['runs', 200, /^done$/, 1],
    ['handler', 200, /^done$/, 1],
  ])('a route answers as onUnavailable says (%s)', async (path, status, text, times) => {
    const setting = await unreachable();
    const answer = await fetch(`${await listen(setting)}/${path}`);
    expect([answer.status, await answer.text()]).toEqual([status, expect.stringMatching(text)]);
    expect(leases).toEqual(Array.from({ length: times }, () => undefined));
  });

  it('what a handler throws that runs without the lock is passed on', async () => {
    const url = await listen(await unreachable());
    expect((await fetch(`${url}/missing`, { method: 'POST' })).status).toBe(404);
  });

  it('onUnavailable takes its values only', () => {
    expect(() =>
      DistributedLock({ onUnavailable: 'wait' as never })(Jobs.prototype, 'runs', { value: body }),
    ).toThrow(
      "@DistributedLock on Jobs.runs: onUnavailable must be one of 'skip', 'throw', 'run', got 'wait'",
    );
    expect(() =>
      LockedHandler({ onUnavailable: 'skip' as never })(Jobs.prototype, 'runs', { value: body }),
    ).toThrow("onUnavailable must be one of 'throw', 'run', got 'skip'");
  });
});
