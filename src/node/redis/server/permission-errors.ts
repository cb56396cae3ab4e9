const NOT_LOGGED_IN = /^(WRONGPASS|NOAUTH|ERR invalid password|ERR Client sent AUTH)/;
/** For a command, and for a command in the script: Redis 7.0, and later versions. */
const NOT_PERMITTED = /^(NOPERM|ERR The user executing the script|ERR ACL failure in script)/;

export const isNotPermitted = (message: string): boolean => NOT_PERMITTED.test(message);

/**
 * Why a server that answers with this error cannot vote until its operator acts; `undefined` for other
 * errors.
 */
export function permissionErrorOf(message: string): string | undefined {
  const why = NOT_LOGGED_IN.test(message)
    ? 'the server refused the user or password'
    : isNotPermitted(message)
      ? 'its user lacks a permission that locks need, see docs/security.md'
      : undefined;
  return why && `${why} (${message})`;
}
