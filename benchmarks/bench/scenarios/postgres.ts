/** PostgreSQL as the only voter, against what is written by hand. */
import { PostgresServer } from '../../../test/support/postgres-server.js';
import { inFlightCell } from '../cells.js';
import { closed, type Scenario } from '../scenario.js';
import { QUORLOCK, type Subject } from '../subjects.js';

export const ON_POSTGRES: Subject = { ...QUORLOCK, name: 'quorlock, one database' };
export const ROWS: Subject = { name: 'rows by hand', kind: 'floor', adapter: 'postgres-rows.ts' };
export const ADVISORY: Subject = {
  name: 'advisory locks by hand',
  kind: 'floor',
  adapter: 'postgres-advisory.ts',
};

/** Fewer than elsewhere, because a cycle takes two transactions. */
const WARM_CYCLES = 2_000;

export const postgres: Scenario = {
  name: 'postgres',
  rounds: { quick: 1, full: 3 },
  needsOwnServers: true,
  subjects: () => [ON_POSTGRES, ROWS, ADVISORY],
  async play({ stage, subject, isQuick, record }) {
    await using server = await PostgresServer.start({ fsync: true });
    const settings = postgresSettings(subject, server.url);
    const child = await stage.child({ ...subject, settings }, [], WARM_CYCLES);
    for (const inFlight of [1, 16, 128])
      await record(inFlightCell(inFlight), () => closed(child, inFlight, isQuick));
    await child.kill();
  },
};

/** How a subject is told where the database is. */
export const postgresSettings = ({ kind }: Subject, url: string): NonNullable<Subject['settings']> =>
  kind === 'quorlock' ? { nodes: [{ postgres: url, migrate: true }] } : { url };
