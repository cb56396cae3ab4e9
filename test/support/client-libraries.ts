import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { Redis as Iovalkey } from 'iovalkey';
import type { NodeSource } from '../../src/index.js';
import type { RedisAddress } from './redis-server.js';

type ClientOptions = RedisAddress & {
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
}

const lazy = { lazyConnect: true } as const;

/** Every client library that is supported. */
export const CLIENT_LIBRARIES: readonly ClientLibrary[] = [
  { name: 'ioredis 6', node: (options) => new Redis({ ...options, ...lazy }) },
  { name: 'ioredis 5.4', node: (options) => new Redis5({ ...options, ...lazy }) },
  { name: 'iovalkey', node: (options) => new Iovalkey({ ...options, ...lazy }) },
];
