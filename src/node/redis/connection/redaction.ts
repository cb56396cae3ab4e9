import { plainText } from '../../../core/plain-text.js';

/** What the errors of a connection must not show, and what they can explain. */
export interface RedactionRules {
  /** Never shown. */
  readonly secrets: readonly string[];
  readonly tls: boolean;
}

/** A shorter secret could not be told from a part of some word, and is no secret either. */
const SHORTEST_SECRET = 4;

/**
 * An error's message without secrets, on one line. Servers repeat what they do not understand: one without
 * AUTH, or a proxy before it, answers with the arguments of the command, which are the user and the password.
 * Redis >= 7.2 names the user that lacks a permission.
 */
export function redactedMessage(message: string, ...secrets: readonly (string | undefined)[]): string {
  const cut = message
    .replace(/,? with args beginning with[^]*$/i, '')
    .replace(
      /^All sentinels are unreachable and retry is disabled\.( Last error)?/,
      'none of the sentinels named a master',
    )
    .replace(/\bUser \S+ (has no permissions|doesn't have)/g, 'this user $1')
    // OpenSSL puts a thread and a number before what it says, and a file and a line behind it.
    .replace(/[0-9A-F]{8,}:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)(?::[^:\s]*){2}(?::[^:\n]*)?/g, 'TLS: $1');
  const redacted = secrets
    .filter((secret) => secret !== undefined && secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret!, new URLSearchParams([[secret!, '']]).toString().slice(0, -1)])
    .reduce((text, secret) => text.replaceAll(secret, '***'), cut);
  // Last, so that no part of a secret is left where it is cut off.
  return plainText(redacted);
}

/**
 * A new error with the redacted message. The client's own error carries the command with its arguments, and
 * those of AUTH and HELLO are secret.
 */
export function redactedError(error: unknown, { secrets }: RedactionRules, hint = ''): Error {
  const { name = 'Error', message = String(error) } = factsOf(error);
  const redacted = new Error(redactedMessage(message.trim(), ...secrets) + hint);
  redacted.name = name;
  return redacted;
}

/** The likely cause when a server closes a connection without a word. */
export const closedHint = ({ tls }: RedactionRules): string => HINTS[tls ? 'tls' : 'plain'];

/**
 * A server that speaks TLS says nothing to a client that does not, nor the other way round. This says what to
 * try.
 */
export function hintOf(error: unknown, rules: RedactionRules): string {
  const { code } = factsOf(error);
  if (code === 'ECONNRESET' || code === 'EPIPE') return closedHint(rules);
  if (code === 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED') return HINTS.tls;
  return rules.tls && code === 'ETIMEDOUT' ? HINTS.silent : '';
}

/**
 * Whether a library's error is what the server answered. Its word comes first, such as NOSCRIPT; an error of
 * the system has a code, and those of the libraries begin with words that are not in capitals.
 */
export function isReply(error: unknown): boolean {
  const { message, code } = factsOf(error);
  return code === undefined && typeof message === 'string' && /^[A-Z][A-Z0-9_]+(?: |$)/.test(message);
}

/** The name of the command that failed, in lower case. */
export function commandOf(error: unknown): string | undefined {
  const name = factsOf(error).command?.name;
  return typeof name === 'string' ? name.toLowerCase() : undefined;
}

const HINTS = {
  plain: '; if it expects TLS, write rediss: or give the option tls',
  tls: '; it may want a certificate of the client, see the options tls.cert and tls.key',
  silent: '; if it does not speak TLS, write redis: or leave out the option tls',
};

interface Facts {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly command?: { readonly name?: unknown };
}

/** By its shape: an error of another realm, as in a test runner or a vm, is no instance of our Error. */
const factsOf = (error: unknown): Facts => (typeof error === 'object' && error !== null ? error : {});
