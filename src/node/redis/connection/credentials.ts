import type { RedisNodeOptions } from '../../node-options.js';

const CREDENTIALS = ['username', 'password', 'sentinelUsername', 'sentinelPassword'] as const;
const SECRET: readonly string[] = ['password', 'sentinelPassword'];

/** The credentials of one connection. */
export type Login = Partial<Record<(typeof CREDENTIALS)[number], string>>;

/** How long a function may take to tell a credential, in milliseconds. */
const LONGEST_MS = 10_000;
/** Errors of an older connection may arrive after a new password was read, so some old ones are kept. */
const MOST_SECRETS = 8;

/**
 * The credentials of a server, of which some may be functions: a password that is rotated, or a token that
 * expires, is read anew for each connection.
 */
export class Credentials {
  readonly #options: RedisNodeOptions;
  /** The passwords that are known, which errors must not show. */
  readonly secrets: string[];

  constructor(options: RedisNodeOptions) {
    this.#options = options;
    this.secrets = SECRET.map((name) => options[name]).filter((secret) => typeof secret === 'string');
  }

  /** Whether they are read anew for each connection. */
  get areFunctions(): boolean {
    return CREDENTIALS.some((name) => typeof this.#options[name] === 'function');
  }

  /** Calls the functions. Rejects with an error that names the one that failed. */
  async read(): Promise<Login> {
    const login: Login = {};
    for (const name of CREDENTIALS) {
      const given = this.#options[name];
      const value = typeof given === 'function' ? await textOf(name, given as () => unknown) : given;
      if (typeof value !== 'string' || value === '') continue;
      login[name] = value;
      if (SECRET.includes(name)) this.#remember(value);
    }
    return login;
  }

  #remember(secret: string): void {
    if (this.secrets.includes(secret)) return;
    this.secrets.push(secret);
    if (this.secrets.length > MOST_SECRETS) this.secrets.shift();
  }
}

/**
 * The options of a client that a user gave, with its credentials as functions that look at the client: to
 * rotate the password of a client, its options are set.
 */
export function withLiveCredentials(options: RedisNodeOptions): RedisNodeOptions {
  const given = CREDENTIALS.filter((name) => typeof options[name] === 'string');
  const live = given.map((name) => [name, () => options[name]] as const);
  return { ...options, ...Object.fromEntries(live) };
}

/** Throws a TypeError for a credential that is neither text nor a function. The error does not show it. */
export function checkCredentials(options: RedisNodeOptions, where: string): void {
  for (const name of CREDENTIALS) {
    const value = options[name];
    if (value === undefined || value === null || ['string', 'function'].includes(typeof value)) continue;
    throw new TypeError(`${where}: ${name} must be a string, or a function that returns one`);
  }
}

async function textOf(name: string, read: () => unknown): Promise<unknown> {
  return told(`the function ${name}`, async () => {
    const value: unknown = await read();
    if (value === undefined || value === null || typeof value === 'string') return value;
    throw new TypeError(`it returned no string (${typeof value})`);
  });
}

/** What a user's function gives, if it does so in ten seconds. Rejects with an error that names it. */
export async function told<Told>(what: string, read: () => Told | Promise<Told>): Promise<Told> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `it took longer than ${LONGEST_MS / 1_000} s`;
    timer = setTimeout(() => reject(new Error(message)), LONGEST_MS);
  });
  try {
    return await Promise.race([read(), late]);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it threw no error';
    throw new Error(`${what} failed: ${why}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
