import { expect, it } from '@jest/globals';
import type { ClusterEndpoint } from '../../../../src/node/redis/cluster/cluster-endpoint.js';
import { TopologyReader } from '../../../../src/node/redis/cluster/topology-reader.js';
import type { Connection } from '../../../../src/node/redis/connection/connection.js';

/** A server that is never reached. `ended` counts how often the attempt was given up. */
function endpointThatHangs(): { readonly endpoint: ClusterEndpoint; ended: number } {
  const heard = new Map<string, () => void>();
  const connection = {
    connect: () => new Promise(() => undefined),
    disconnect: () => {
      if (told.ended++ === 0) queueMicrotask(() => heard.get('close')?.());
    },
    on: (event: string, listener: () => void) => heard.set(event, listener),
  } as unknown as Connection;
  const server = {
    ...{ name: 'far', address: 'far:6379', clientPrefix: '', durable: false, failsOver: true },
    open: () => connection,
  };
  const endpoint = { name: 'far', address: 'far', clientPrefix: '', seeds: [server], serverAt: () => server };
  const told = { endpoint, ended: 0 };
  return told;
}

it('a reader that is closed while it connects leaves no connection behind', async () => {
  const told = endpointThatHangs();
  const reader = new TopologyReader(told.endpoint);
  const read = expect(reader.read(false)).rejects.toThrow('the connection was closed');
  reader.close();
  expect(told.ended).toBeGreaterThan(0);
  await read;
});
