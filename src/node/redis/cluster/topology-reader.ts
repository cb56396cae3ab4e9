import type { ClusterEndpoint } from './cluster-endpoint.js';
import { topologyOf, type Topology } from './topology.js';
import type { Connection } from '../connection/connection.js';
import type { Endpoint } from '../connection/endpoint.js';

/** It is not connected to again by itself: the next one is asked. */
const NEVER_MS = 2 ** 31 - 1;

/** Asks servers of a Cluster, one at a time, who serves what, over a connection of its own. */
export class TopologyReader {
  #connection: Connection | undefined;
  #askedHost = '';
  /** The servers heard of, and those that were named. */
  #servers: readonly Endpoint[];
  #next = 0;
  #epoch = 0;
  #isOver = false;

  constructor(private readonly cluster: ClusterEndpoint) {
    this.#servers = cluster.seeds;
  }

  /**
   * What the first server says that answers. `elsewhere`: another one than before is asked, because that one may not know
   * better. Rejects with what was wrong with the last of them.
   */
  async read(elsewhere: boolean): Promise<Topology> {
    if (elsewhere) this.#leave();
    let failure: Error | undefined;
    let behind: Topology | undefined;
    for (let attempts = this.#servers.length; attempts >= 0 && !this.#isOver; attempts--) {
      try {
        const topology = await this.#ask();
        if (topology.shards.length > 0 && topology.epoch >= this.#epoch) return this.#learn(topology);
        // It is behind the others, or cut off from them; or the Cluster was made anew, and then all of them say so.
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
    const connection = (this.#connection ??= await this.#connect());
    if (this.#isOver) this.#leave();
    const [slots, nodes] = await Promise.all([connection.cluster('SLOTS'), connection.cluster('NODES')]);
    return topologyOf(slots, nodes, this.#askedHost);
  }

  #connect(): Promise<Connection> {
    const server = this.#servers[this.#next++ % this.#servers.length]!;
    this.#askedHost = server.address.replace(/:\d+$/, '');
    const connection = server.open(() => NEVER_MS);
    return new Promise((resolve, reject) => {
      let cause: Error | undefined;
      const gone = (): void => {
        connection.disconnect();
        if (this.#connection === connection) this.#connection = undefined;
        reject(cause ?? new Error('the connection was closed'));
      };
      connection.on('error', (error) => (cause ??= error));
      connection.on('close', gone);
      connection.on('ready', () => resolve(connection));
      connection.connect().catch(() => undefined);
    });
  }

  #leave(): void {
    this.#connection?.disconnect();
    this.#connection = undefined;
  }

  #learn(topology: Topology): Topology {
    const { serverAt, seeds } = this.cluster;
    this.#epoch = topology.epoch;
    this.#servers = [...topology.shards.map(({ host, port }) => serverAt(host, port)), ...seeds];
    return topology;
  }
}
