import { expect, it } from '@jest/globals';
import { plainText } from '../../src/core/plain-text.js';
import { failedWith } from '../../src/core/run-votes.js';
import { messageOf } from '../../src/node/postgres/postgres-errors.js';
import { redactedError } from '../../src/node/redis/connection/redaction.js';
import { serverInfoOf } from '../../src/node/redis/server/server-info.js';

const FORGED = 'ERR no\r\n[Nest] 1 LOG all is well\u001b[31m\u0007\u009b2J\u2028\u202e';
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

it('what a server sends as an error stays one bounded line, so that it cannot pass for others of the log', () => {
  const rules = { secrets: ['a-secret-word'], tls: false };
  const shownBy = (sent: string): string[] => [
    failedWith(sent).cause.message,
    redactedError(new Error(sent), rules).message,
    messageOf({ message: sent, code: 'XX000' }, rules.secrets),
    serverInfoOf(`run_id:1\nmaxmemory:1\nmaxmemory_policy:${sent.slice(6)}`).cautions[0]!,
  ];
  for (const sent of [FORGED, `${FORGED}${'e'.repeat(1e6)}`])
    for (const shown of shownBy(sent)) {
      expect(shown).not.toMatch(CONTROL);
      expect(shown.length).toBeLessThanOrEqual(1_000);
    }
  // No part of a secret is left where the text is cut off.
  expect(redactedError(new Error(`${'e'.repeat(990)}a-secret-word`), rules).message).not.toContain(
    'a-secret',
  );
});

it('a text is cut off between two characters, never within one', () => {
  expect(plainText('as it is')).toBe('as it is');
  expect(plainText('abc😀d', 5)).toBe('abc…');
});

it('a run id that is too long or not printable is none, because every call would carry it', () => {
  for (const id of ['x'.repeat(1e6), 'a\u001b[31m', ''])
    expect(serverInfoOf(`run_id:${id}\r\nrole:master`).runId).toBeUndefined();
  expect(serverInfoOf('run_id:7fd1\r\nrole:master').runId).toBe('7fd1');
});
