import { blockNamed, pageOf } from '../docs/markdown.js';

const PASSWORD = 'a-long-password';

/** A Redis user as docs/security.md defines it. */
export interface AclUser {
  readonly commands: readonly string[];
  readonly keys: readonly string[];
  /** The arguments of `ACL SETUSER`. */
  readonly words: readonly string[];
}

/** Reads the command in the code block with this name. */
export function userOf(block: string): AclUser {
  const line = blockNamed(pageOf('docs/security.md'), block).code.replaceAll('\\\n', ' ');
  const [program, acl, setUser, ...words] = line
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/^'(.*)'$/, '$1'));
  if (program !== 'redis-cli' || acl !== 'ACL' || setUser !== 'SETUSER')
    throw new Error(`the block ${block} is no redis-cli ACL SETUSER`);
  return {
    commands: words.filter((word) => word.startsWith('+')).map((word) => word.slice(1)),
    keys: words.filter((word) => word.startsWith('~')).map((word) => word.slice(1)),
    words: words.map((word) => (word === '>PASSWORD' ? `>${PASSWORD}` : word)),
  };
}

/** The rules of the user without one command. */
export const without = (user: AclUser, command: string): string[] =>
  user.words.filter((word) => word !== `+${command}`);

export const login = { username: 'locks', password: PASSWORD };
