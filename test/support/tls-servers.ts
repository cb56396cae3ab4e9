import type { Certificate } from './certificates.js';
import { freePort } from './free-port.js';
import { startRedis, type RedisServers } from './redis-servers.js';

export interface TlsOptions {
  readonly certificate: Certificate;
  /** The authority that must have signed client certificates. */
  readonly authority: Certificate;
  /** Whether clients need a certificate. */
  readonly clients?: boolean;
  readonly args?: readonly string[];
}

/** A redis-server with TLS on a port of 127.0.0.1, and without TLS on a unix socket for the test itself. */
export interface TlsServer {
  readonly tlsPort: number;
  readonly redis: RedisServers;
}

export async function startTls(options: TlsOptions): Promise<TlsServer> {
  const { certificate, authority, clients = false, args = [] } = options;
  // Another process may take the port before the server does. Then the server does not start, and another
  // port is tried.
  for (let attempt = 1; ; attempt++) {
    const tlsPort = await freePort();
    const settings = {
      bind: '127.0.0.1',
      'tls-port': String(tlsPort),
      'tls-cert-file': certificate.certFile,
      'tls-key-file': certificate.keyFile,
      'tls-ca-cert-file': authority.certFile,
      'tls-auth-clients': clients ? 'yes' : 'no',
    };
    const settingArgs = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    try {
      return { tlsPort, redis: await startRedis({ count: 1, args: [...settingArgs, ...args] }) };
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}
