import { afterAll, beforeAll } from '@jest/globals';
import { PostgresServer } from '../support/postgres-server.js';
import { describeContract } from './contract.js';
import { postgresSubject } from './postgres-subject.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(() => server.stop());

const forget = async (): Promise<void> => {
  await server.query('truncate quorlock.lease, quorlock.marker, quorlock.waiter');
};

describeContract(
  'a Postgres node',
  postgresSubject(() => ({ postgres: server.config, migrate: true }), { forget }),
);
