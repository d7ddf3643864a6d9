import { scryptSync } from 'node:crypto'

const ENOUGH_BYTES = 32
let isWarned = false

/**
 * Secrets of ours out of those that another session library signs with, whose length nobody checks. Those that are
 * long enough are taken as they are: what has `secrets` from the same place opens the same sessions.
 * @param option where they were given, for the warning about a short one
 * @param library tells libraries apart
 */
export function borrowedSecrets(
  secrets: readonly (string | Uint8Array)[],
  option: string,
  library: string,
): Uint8Array[] {
  const purpose = `sojourn/${library}/1/secret`
  return secrets.map((secret) => {
    const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret
    if (bytes.length >= ENOUGH_BYTES) return bytes
    warnOnce(option, bytes.length)
    // Slow, for what can be guessed; at the start only.
    return scryptSync(bytes, purpose, ENOUGH_BYTES)
  })
}

function warnOnce(option: string, length: number): void {
  if (isWarned) return
  isWarned = true
  process.emitWarning(
    `\`${option}\` has a secret of ${length} bytes: who can read Redis may guess it. Put one of 32 random ` +
      'bytes in front of it (`openssl rand -base64 32`), and take this one away when the sessions made ' +
      'with it have ended: [new, old].',
    { code: 'SOJOURN_SHORT_SECRET' },
  )
}
