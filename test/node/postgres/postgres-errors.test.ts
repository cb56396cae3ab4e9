import { expect, it } from '@jest/globals';
import { misconfigurationOf } from '../../../src/node/postgres/postgres-errors.js';

it.each(['recovery is in progress', 'database "orders" is not currently accepting connections'])(
  'a database that is not in a state to serve is not called a standby without its own words: %s',
  (message) => {
    const error = Object.assign(new Error(message), { code: '55000', severity: 'ERROR' });
    expect(misconfigurationOf(error, 'quorlock')).toContain(`(${message})`);
  },
);
