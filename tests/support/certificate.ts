/** Certificates for tests, by openssl. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificate {
  /** Paths as we see them. */
  readonly key: string
  readonly cert: string
  /** What trusts it: it has signed itself. */
  readonly ca: Buffer
}

/** One that is valid for `localhost`, in the place of one that is there. */
export function makeCertificate(folder: string, days: number): Certificate {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const files = ['-keyout', key, '-out', cert]
  const { status, stderr } = spawnSync('openssl', [
    ...['req', ...kind, '-days', String(days), ...subject, ...files],
  ])
  if (status !== 0) throw new Error(`openssl: ${stderr.toString()}`)
  return { key, cert, ca: readFileSync(cert) }
}
