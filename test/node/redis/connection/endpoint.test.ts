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

describe('options of a server', () => {
  it.each([
    ['url', { url: 'redis://h:7000' }],
    ['socket', { socket: { host: 'h', port: 7000 } }],
    ['addresses', { addresses: [{ host: 'h', port: 7000 }] }],
  ])('that name it as another library does (%s) are refused: it would be localhost', (option, source) => {
    expect(() => endpointOf(source, 'nodes[0]')).toThrow(
      `nodes[0]: ${option} is no option of a node: give a url itself, or host and port`,
    );
  });
});
