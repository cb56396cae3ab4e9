import { describe, expect, it } from '@jest/globals';
import { endpointOf, optionsOfUrl } from '../../../../src/node/redis/connection/endpoint.js';

describe('the url of a server', () => {
  it.each([
    ['redis://h?family=0', { host: 'h', port: 6379, family: 0 }],
    ['redis://h:7000?family=4', { host: 'h', port: 7000, family: 4 }],
    ['redis://[::1]:7000/2?family=6', { host: '::1', port: 7000, db: 2, family: 6 }],
    ['redis://h', { host: 'h', port: 6379 }],
  ])('may name the kind of IP addresses: %s', (url, options) => {
    expect(optionsOfUrl(url, 'nodes[0]')).toEqual(options);
  });
});

describe('a url that cannot be read', () => {
  it.each(['redis://:pa#ss@h:6379', 'redis://:pa/ss@h', 'redis://:pa?ss@h', 'redis://h:99999'])(
    'says how a password and a port are written: %s',
    (url) => {
      expect(() => optionsOfUrl(url, 'nodes[0]')).toThrow(
        /^nodes\[0\] is no url; .*a number up to 65535, and user and password .*encodeURIComponent\(\)/,
      );
    },
  );
});

describe('a list in the place of a url', () => {
  it.each([
    'redis://h:7000,redis://i:7000',
    'redis://h,redis://i',
    'redis://user:secret@h:7000, rediss://i:7000',
    'redis://h,i',
  ])('is refused, because each node is an entry: %s', (url) => {
    expect(() => optionsOfUrl(url, 'nodes[0]')).toThrow(
      /^nodes\[0\] has several servers in it: each node is an entry of its own$/,
    );
  });
});

describe('options of a server', () => {
  it.each(['h:7000', '10.0.0.1:7000'])('whose host has a port in it are refused: %s', (host) => {
    expect(() => endpointOf({ host }, 'nodes[0]')).toThrow(
      'nodes[0]: host must be a name or an IP address, without scheme, user and port',
    );
  });

  it.each(['::1', 'fe80::1%eth0', 'a_b.local', '10.0.0.1'])('may have the host %s', (host) => {
    expect(endpointOf({ host }, 'nodes[0]').address).toBe(`${host}:6379`);
  });

  it.each([
    ['url', { url: 'redis://h:7000' }],
    ['socket', { socket: { host: 'h', port: 7000 } }],
    ['addresses', { addresses: [{ host: 'h', port: 7000 }] }],
  ])('that name it as another library does (%s) are refused: it would be localhost', (option, source) => {
    expect(() => endpointOf(source, 'nodes[0]')).toThrow(
      `nodes[0]: ${option} is no option of a node: give a url itself, or host and port`,
    );
  });

  it.each([{}, { db: 1 }, { hots: '10.0.0.1' }, { nodes: [{ host: 'h' }] }, { host: undefined }])(
    'that name no server are refused: it would be localhost, and another one for each worker (%j)',
    (source) => {
      expect(() => endpointOf(source, 'nodes[0]')).toThrow(
        'nodes[0]: the options name no server: give host, port or path',
      );
    },
  );

  it.each([
    [{ host: 'h' }, 'h:6379'],
    [{ port: 7000 }, 'localhost:7000'],
    [{ path: '/run/redis.sock' }, '/run/redis.sock'],
  ])('that name a host, a port or a path name a server: %j', (source, address) => {
    expect(endpointOf(source, 'nodes[0]').address).toBe(address);
  });
});
