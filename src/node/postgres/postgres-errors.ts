import { plainText } from '../../core/plain-text.js';
import { SCHEMA_VERSION } from './sql/migration.js';

interface Facts {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly severity?: unknown;
}

const factsOf = (error: unknown): Facts => (typeof error === 'object' && error !== null ? error : {});

/** A shorter secret could not be told from a part of some word, and is no secret either. */
const SHORTEST_SECRET = 4;

/** The longest message that is shown, in characters. */
const LONGEST = 300;

/** The message of an error without secrets, on one line. */
export function messageOf(error: unknown, secrets: readonly string[]): string {
  const { message, code } = factsOf(error);
  const named = typeof code === 'string' ? code : 'unknown error';
  const text = typeof message === 'string' && message !== '' ? message : named;
  const shown = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .reduce((cut, secret) => cut.replaceAll(secret, '***'), text);
  return plainText(shown.replace(/\s+/g, ' '), LONGEST);
}

/** The SQLSTATE of an error that the server sent; `undefined`: the connection failed. */
export function sqlStateOf(error: unknown): string | undefined {
  const { code, severity } = factsOf(error);
  return typeof code === 'string' && severity !== undefined ? code : undefined;
}

/** The server ends the connection, or takes none for now: 08, 57P01 to 57P03, 53300. */
export const isDisconnection = (state: string | undefined): boolean =>
  state === undefined || /^(08...|57P0[1235]|53300)$/.test(state);

/** A value is none for the database, as in an encoding that lacks it, or is beyond a limit: 22, 54. */
export const isOfValue = (state: string | undefined): boolean => /^(22|54)/.test(state ?? '');

/** The tables or functions are not there. */
export const isMissing = (state: string | undefined): boolean =>
  state === '3F000' || state === '42883' || state === '42P01' || state === '42703';

/** Why a database cannot vote until somebody has changed something; `undefined` for other errors. */
export function misconfigurationOf(error: unknown, schema: string): string | undefined {
  const state = sqlStateOf(error);
  switch (state) {
    case '42501':
      return (
        `its role may not create or use the tables of quorlock in the schema "${schema}" ` +
        `(${messageOf(error, [])}), see docs/postgres.md`
      );
    case '28P01':
      return 'the server refused the user or its password';
    case '28000':
      return `the server refused the user: ${messageOf(error, [])}`;
    case '3D000':
      return 'there is no such database';
    case '55000':
      // The state of many things. The server may say it in another language.
      return `it is a standby, or not in a state to serve (${messageOf(error, [])})`;
    case '25006':
      return 'its transactions are read only: it is a standby, or default_transaction_read_only is on';
    default:
      return /client password must be a/.test(messageOf(error, []))
        ? 'the server asks for a password, and none is given (it must be a string)'
        : undefined;
  }
}

/** What is wrong where the functions are missing; `version` is that of the tables, if there are any. */
export const missingTables = (schema: string, version: number | undefined): string =>
  version === undefined
    ? `there are no tables of quorlock in the schema "${schema}": run the SQL of postgresMigration(), ` +
      'or set migrate: true'
    : version === SCHEMA_VERSION
      ? `the tables of quorlock in schema "${schema}" are not complete: run the SQL of postgresMigration()`
      : `the tables of quorlock in the schema "${schema}" are of version ${version}, and this release ` +
        `needs version ${SCHEMA_VERSION}: run its postgresMigration(), or set migrate: true`;
