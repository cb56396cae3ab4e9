import { expect, it } from '@jest/globals';
import { hintOf, redactedError } from '../../../../src/node/redis/connection/redaction.js';

const RULES = { secrets: [], tls: true };
const ALERT =
  '805C0E7CD07F0000:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:' +
  '../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1601:SSL alert number 116\n';

it('of an error of OpenSSL the sentence is left, so that the hint behind it is not cut off', () => {
  const error = Object.assign(new Error(ALERT), { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' });
  expect(redactedError(error, RULES, hintOf(error, RULES)).message).toBe(
    'TLS: tlsv13 alert certificate required' +
      '; it may want a certificate of the client, see the options tls.cert and tls.key',
  );
});

it('an error of OpenSSL without a text behind its line is shortened too', () => {
  const error = new Error(
    '00E7A7B2:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../ssl/ssl3_record.c:355:',
  );
  expect(redactedError(error, RULES).message).toBe('TLS: wrong version number');
});
