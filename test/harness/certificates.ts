import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Why no certificates can be made here; undefined where they can. */
export function whyNoCertificates(): string | undefined {
  return spawnSync('openssl', ['version']).error ? 'openssl is not on the PATH' : undefined;
}

/** A certificate and its key: paths of PEM files, and what is in them. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** An authority of a test's own. */
export interface Authority extends Certificate {
  /**
   * Makes a certificate for a subject such as `/O=Acme/CN=flow-engine`, for a server on localhost and a client alike.
   * `days` below 0 makes one that is over.
   */
  issue(name: string, subject: string, days?: number): Certificate;
}

/** Makes a certificate authority whose files are in `folder`. */
export function makeAuthority(folder: string, name = 'ca'): Authority {
  const at = (file: string) => join(folder, file);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const filesOf = (base: string): Certificate => {
    const files = { certFile: at(`${base}.pem`), keyFile: at(`${base}.key`) };
    return { ...files, cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
  };
  const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

  const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)];
  openssl('req', '-x509', ...NEW_KEY, ...files, '-subj', `/CN=${name}`, '-days', '2');
  const extensions = at(`${name}.ext`);
  writeFileSync(extensions, 'subjectAltName = DNS:localhost, IP:127.0.0.1\n');

  return {
    ...filesOf(name),
    issue(base, subject, days = 2) {
      const request = at(`${base}.csr`);
      openssl('req', ...NEW_KEY, '-keyout', at(`${base}.key`), '-out', request, '-utf8', '-subj', subject);
      openssl(
        ...['x509', '-req', '-in', request, '-out', at(`${base}.pem`), '-days', String(days)],
        ...['-CA', at(`${name}.pem`), '-CAkey', at(`${name}.key`), '-CAcreateserial', '-extfile', extensions],
      );
      return filesOf(base);
    },
  };
}
