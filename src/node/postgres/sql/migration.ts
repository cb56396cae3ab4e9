import { guardFunction } from './guard.js';
import { clockFunction, identityFunctions } from './identity.js';
import { lookFunction } from './look.js';
import { noteFunction } from './note.js';
import { recordFunction } from './record.js';
import { sweepFunction } from './sweep.js';
import { tables } from './tables.js';
import { voteFunction } from './vote.js';
import { waiterFunctions } from './waiters.js';

/** The version of the tables and functions. The functions carry it in their names. */
export const SCHEMA_VERSION = 1;

/** The kind of an advisory lock that lets one client migrate at a time. */
const MIGRATION_LOCK = 0x716c76;

export const DEFAULT_SCHEMA = 'quorlock';

const SCHEMA_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** Throws a TypeError or RangeError for what can be no name of a schema. */
export function checkSchema(schema: unknown, where: string): asserts schema is string {
  if (typeof schema !== 'string') throw new TypeError(`${where} must be a string, got ${typeof schema}`);
  if (!SCHEMA_NAME.test(schema))
    throw new RangeError(`${where} must be a name of letters, digits and _, up to 63 of them`);
}

/** The name of a schema as SQL has it. */
export const quoted = (schema: string): string => `"${schema.replaceAll('"', '""')}"`;

/**
 * The SQL that makes the tables and functions of a Postgres node in a schema: the migration. It may be run
 * any number of times, at the same time too, and is one transaction when it is sent in one piece. Whoever
 * runs it must own the schema, or be allowed to make it; a role that only locks needs
 * `grant usage on schema` and `grant select, insert, update, delete on all tables in schema`.
 *
 * @example
 * node -e "console.log(require('quorlock').postgresMigration())" > quorlock.sql
 */
export function postgresMigration({ schema = DEFAULT_SCHEMA }: { readonly schema?: string } = {}): string {
  checkSchema(schema, 'schema');
  const q = quoted(schema);
  const parts = [
    `select pg_advisory_xact_lock(${MIGRATION_LOCK}, 0);`,
    tables(q),
    clockFunction(q),
    identityFunctions(q),
    guardFunction(q),
    sweepFunction(q),
    lookFunction(q),
    recordFunction(q),
    waiterFunctions(q),
    noteFunction(q),
    voteFunction(q),
    `insert into ${q}.migration (version) values (${SCHEMA_VERSION}) on conflict do nothing;\n`,
  ];
  return parts.join('\n');
}
