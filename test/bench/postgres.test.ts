import { expect, it } from '@jest/globals';
import { openChild } from '../../benchmarks/bench/child.js';
import { ADVISORY, ON_POSTGRES, postgresSettings, ROWS } from '../../benchmarks/bench/scenarios/postgres.js';
import { PostgresServer } from '../support/postgres-server.js';

const quorlock = new URL('../../src/index.ts', import.meta.url).href;
const CYCLES = 20;

it('on PostgreSQL, quorlock and what is written by hand do the requested cycles without an error', async () => {
  await using server = await PostgresServer.start();
  for (const subject of [ON_POSTGRES, ROWS, ADVISORY]) {
    const measured = { ...subject, settings: postgresSettings(subject, server.url) };
    const child = await openChild(measured, [], { quorlock, isShared: false, warmCycles: 5 });
    const task = { kind: 'closed', inFlight: 2, warmMs: 0, ms: 0, cycles: CYCLES } as const;
    const { figures } = await child.ask(task, 30_000);
    await child.kill();
    expect({ subject, figures }).toMatchObject({ figures: { cycles: CYCLES, errors: 0, unfinished: 0 } });
  }
});
