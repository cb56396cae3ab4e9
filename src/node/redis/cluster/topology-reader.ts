import type { Connection } from '../connection/connection.js';
import type { Endpoint } from '../connection/endpoint.js';
import type { ClusterEndpoint } from './cluster-endpoint.js';
import { topologyOf, type Topology } from './topology.js';

/**
 * The longest timer. The connection is not made again by itself, because the next server is asked instead.
 */
const NEVER_MS = 2 ** 31 - 1;

/**
 * Asks the servers of a Cluster, one at a time, which server serves which slots, over a connection of its
 * own.
 */
export class TopologyReader {
  /** The one in use, or the one that is being made. */
  #connection: Connection | undefined;
  #connected: Promise<Connection> | undefined;
  #askedHost = '';
  /** The servers that were learnt, and those that the user named. */
  #servers: readonly Endpoint[];
  #next = 0;
  #epoch = 0;
  #isOver = false;

  constructor(private readonly cluster: ClusterEndpoint) {
    this.#servers = cluster.seeds;
  }

  /**
   * The topology by the first server that answers. With `elsewhere` another server than the last time is
   * asked, because that one may not know better. Rejects with the error of the last server.
   */
  async read(elsewhere: boolean): Promise<Topology> {
    if (elsewhere) this.#leave();
    let failure: Error | undefined;
    let behind: Topology | undefined;
    for (let attempts = this.#servers.length; attempts >= 0 && !this.#isOver; attempts--) {
      try {
        const topology = await this.#ask();
        if (topology.shards.length > 0 && topology.epoch >= this.#epoch) return this.#learn(topology);
        // The server is behind the others, or cut off from them. Or the Cluster was made anew: then all of
        // them say so.
        if (topology.shards.length > 0) behind = topology;
        else failure = new Error('it serves no slots');
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
      this.#leave();
    }
    if (behind !== undefined && failure === undefined) return this.#learn(behind);
    throw failure ?? new Error('it was closed');
  }

  close(): void {
    this.#isOver = true;
    this.#leave();
  }

  async #ask(): Promise<Topology> {
    const connection = await (this.#connected ??= this.#connect());
    const [slots, nodes] = await Promise.all([connection.cluster('SLOTS'), connection.cluster('NODES')]);
    return topologyOf(slots, nodes, this.#askedHost);
  }

  #connect(): Promise<Connection> {
    const server = this.#servers[this.#next++ % this.#servers.length]!;
    this.#askedHost = server.address.replace(/:\d+$/, '');
    const connection = server.open(() => NEVER_MS);
    this.#connection = connection;
    return new Promise((resolve, reject) => {
      let cause: Error | undefined;
      const onClose = (): void => {
        connection.disconnect();
        if (this.#connection === connection) this.#connection = this.#connected = undefined;
        reject(cause ?? new Error('the connection was closed'));
      };
      connection.on('error', (error) => (cause ??= error));
      connection.on('close', onClose);
      connection.on('ready', () => resolve(connection));
      connection.connect().catch(() => undefined);
    });
  }

  #leave(): void {
    this.#connection?.disconnect();
    this.#connection = this.#connected = undefined;
  }

  #learn(topology: Topology): Topology {
    const { serverAt, seeds } = this.cluster;
    this.#epoch = topology.epoch;
    this.#servers = [...topology.shards.map(({ host, port }) => serverAt(host, port)), ...seeds];
    return topology;
  }
}
