import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../scripts/find-program.mjs';

const run = promisify(execFile);

/** A certificate with its key: files for redis-server, texts for a client. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  /** The subject alternative names, as openssl writes them: `DNS:localhost,IP:127.0.0.1`. */
  readonly names: string;
  readonly expired?: boolean;
}

/** A certificate authority that is valid for one day and signs certificates. */
export class CertificateAuthority {
  #serial = 1;

  private constructor(
    private readonly directory: string,
    readonly own: Certificate,
  ) {}

  static async make(directory: string): Promise<CertificateAuthority> {
    await mkdir(directory, { recursive: true });
    const files = filesIn(directory, 'authority');
    await openssl('req', '-x509', ...NEW_KEY, ...out(files), '-days', '1', '-subj', '/CN=a test authority');
    return new CertificateAuthority(directory, await read(files));
  }

  async sign({ names, expired = false }: CertificateRequest): Promise<Certificate> {
    const serial = this.#serial++;
    const files = filesIn(this.directory, `signed-${serial}`);
    const [request, extensions] = ['csr', 'cnf'].map((end) => join(this.directory, `${serial}.${end}`)) as [
      string,
      string,
    ];
    await writeFile(extensions, `subjectAltName=${names}\n`);
    await openssl(
      'req',
      ...NEW_KEY,
      '-keyout',
      files.keyFile,
      '-out',
      request,
      '-subj',
      '/CN=quorlock tests',
    );
    const signer = ['-CA', this.own.certFile, '-CAkey', this.own.keyFile, '-set_serial', String(serial)];
    const validity = ['-days', expired ? '-1' : '1', '-extfile', extensions];
    await openssl('x509', '-req', '-in', request, ...signer, ...validity, '-out', files.certFile);
    return read(files);
  }
}

type Files = Pick<Certificate, 'certFile' | 'keyFile'>;

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

const out = ({ certFile, keyFile }: Files): string[] => ['-keyout', keyFile, '-out', certFile];

const filesIn = (directory: string, name: string): Files => ({
  certFile: join(directory, `${name}.crt`),
  keyFile: join(directory, `${name}.key`),
});

async function read(files: Files): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(files.certFile, 'utf8'), readFile(files.keyFile, 'utf8')]);
  return { ...files, cert, key };
}

async function openssl(...args: string[]): Promise<void> {
  const path = findProgram('openssl');
  if (path === undefined)
    throw new Error('openssl is not installed: run `node scripts/setup.mjs --with prometheus`');
  await run(path, args);
}
