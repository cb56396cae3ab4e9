import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { Redis as Iovalkey } from 'iovalkey';
import { createClient } from 'redis';
import { createClient as createClient6 } from 'redis6';
import type { NodeSource } from '../../src/index.js';
import type { RedisAddress } from './redis-server.js';

export type ClientOptions = RedisAddress & {
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly connectionName?: string;
};

/** A client library, as a user of it makes a node. */
interface ClientLibrary {
  readonly name: string;
  /** A node from an unconnected client. */
  readonly node: (options: ClientOptions) => NodeSource;
  /** Connects a client, and closes it. */
  readonly useUp?: (client: NodeSource) => Promise<void>;
  /** Whether it has never been connected. */
  readonly isUntouched: (client: NodeSource) => boolean;
}

/** The same, in the words of node-redis. */
const inNodeRedis = ({ db, connectionName, username, password, ...socket }: ClientOptions) => ({
  socket: socket as { host: string; port: number },
  ...(username === undefined ? {} : { username }),
  ...(password === undefined ? {} : { password }),
  ...(db === undefined ? {} : { database: db }),
  ...(connectionName === undefined ? {} : { name: connectionName }),
});

const lazy = { lazyConnect: true } as const;

const isWaiting = (client: NodeSource): boolean => (client as { status?: unknown }).status === 'wait';
const isClosed = (client: NodeSource): boolean => (client as { isOpen?: unknown }).isOpen === false;

/** A client of GLIDE. */
export async function glideFor({ db, connectionName, username, password, ...address }: ClientOptions) {
  // Not loaded where no test needs it: it has fifteen megabytes of native code.
  const { GlideClient } = await import('@valkey/valkey-glide');
  return GlideClient.createClient({
    addresses: [address as { host: string; port: number }],
    requestTimeout: 2_000,
    ...(db === undefined ? {} : { databaseId: db }),
    ...(connectionName === undefined ? {} : { clientName: connectionName }),
    ...(password === undefined ? {} : { credentials: { password, ...(username && { username }) } }),
  });
}

const hasGlide = ['linux', 'darwin'].includes(process.platform);
if (!hasGlide) console.warn('WARNING: Valkey GLIDE is there for Linux and macOS only, and is not tested');

/** None where it is not there. */
export const GLIDE: readonly ClientLibrary[] = !hasGlide
  ? []
  : [
      {
        name: 'glide',
        node: (options) => {
          const { host, port } = options as { readonly host: string; readonly port: number };
          return { glide: () => glideFor(options), host, port };
        },
        isUntouched: () => true,
      },
    ];

const ofIoredis = {
  isUntouched: isWaiting,
  useUp: async (client: NodeSource): Promise<void> => {
    const used = client as unknown as Redis;
    await used.connect();
    used.disconnect();
  },
};
const ofNodeRedis = {
  isUntouched: isClosed,
  useUp: async (client: NodeSource): Promise<void> => {
    const used = client as unknown as ReturnType<typeof createClient>;
    await used.connect();
    used.destroy();
  },
};

/** Every client library of which clients are given. */
export const CLIENT_LIBRARIES: readonly Required<ClientLibrary>[] = [
  { name: 'ioredis-6', node: (options) => new Redis({ ...options, ...lazy }), ...ofIoredis },
  { name: 'ioredis-5.4', node: (options) => new Redis5({ ...options, ...lazy }), ...ofIoredis },
  { name: 'iovalkey', node: (options) => new Iovalkey({ ...options, ...lazy }), ...ofIoredis },
  { name: 'node-redis-5', node: (options) => createClient(inNodeRedis(options)), ...ofNodeRedis },
  { name: 'node-redis-6', node: (options) => createClient6(inNodeRedis(options)), ...ofNodeRedis },
];

interface SentinelOptions {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly name: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  readonly natMap?: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
}

/** The options of ioredis for a master behind sentinels, in the words of `createSentinel()`. */
const sentinelInNodeRedis = ({
  sentinels,
  name,
  sentinelUsername: username,
  sentinelPassword: password,
  natMap,
}: SentinelOptions) => ({
  name,
  ...(natMap === undefined ? {} : { nodeAddressMap: { ...natMap } }),
  sentinelRootNodes: sentinels.map(({ host, port }) => ({ host, port })),
  ...(username === undefined || password === undefined
    ? {}
    : { sentinelClientOptions: { username, password } }),
});

/** A master behind sentinels, as users of each library give it. */
export const SENTINEL_LIBRARIES: readonly {
  readonly name: string;
  readonly node: (options: SentinelOptions) => NodeSource;
}[] = [
  { name: 'ioredis-6', node: (options) => ({ ...options }) },
  { name: 'node-redis-5', node: (options) => ({ createClient, sentinel: sentinelInNodeRedis(options) }) },
  {
    name: 'node-redis-6',
    node: (options) => ({ createClient: createClient6, sentinel: sentinelInNodeRedis(options) }),
  },
];

/** The library of this name. */
export function clientLibrary(name: string): ClientLibrary {
  const all = [...CLIENT_LIBRARIES, ...GLIDE];
  const found = all.find((library) => library.name === name);
  if (found !== undefined) return found;
  const names = all.map((library) => library.name).join(', ');
  throw new RangeError(`the client must be one of ${names}, got ${name}`);
}
