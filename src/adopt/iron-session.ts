import { createDecipheriv, createHmac, pbkdf2Sync } from 'node:crypto'
import { OptionError } from '../core/errors.ts'
import type { LegacySource } from '../core/legacy.ts'
import { refuseUnknown } from '../core/unknown-options.ts'
import { LegacyCookieJar, type LegacyCookieOptions } from './cookie.ts'
import { cookieSource } from './cookie-source.ts'
import type { Attributes } from './json.ts'
import { parseEntry } from './json.ts'
import { type OldLifetime, parseOldLifetime } from './old-lifetime.ts'
import { equalTexts } from './signature.ts'
import { Conversion, SOURCE_OPTIONS, type SourceOptions } from './source-options.ts'

export interface IronSessionOptions<Old extends object = Attributes> extends SourceOptions<Old> {
  /** As given to iron-session: a password of 32 characters or more, or several by their numbers. */
  readonly password: string | Readonly<Record<string, string>>
  readonly cookieName: string
  /** As given to iron-session as a number of seconds. Default `'14d'`, as there. */
  readonly ttl?: OldLifetime | undefined
  /** As given to iron-session as `cookieOptions`. */
  readonly cookie?: LegacyCookieOptions | undefined
}

const NAMES = ['password', 'cookieName', 'ttl', 'cookie', ...SOURCE_OPTIONS]
const SHORTEST = 32
/** By iron: so far may clocks differ, milliseconds. */
const SKEW = 60_000
const PARTS = 8
/** Of the cookies' own version, after the seal. */
const VERSION = '~2'

/**
 * Sessions of iron-session 8, which are in a sealed cookie.
 * @throws OptionError
 */
export function ironSession<Old extends object = Attributes>(
  options: IronSessionOptions<Old>,
): LegacySource {
  refuseUnknown(options, NAMES)
  const { password } = options
  const passwords = new Map(
    Object.entries(typeof password === 'string' ? { 1: password } : (password ?? {})),
  )
  const areLong = [...passwords.values()].every(
    (each) => typeof each === 'string' && each.length >= SHORTEST,
  )
  if (!areLong || passwords.size === 0) {
    throw new OptionError(
      'password',
      `takes ${SHORTEST} characters or more, or several by their numbers`,
    )
  }
  const ttl = parseOldLifetime('ttl', options.ttl, '14d')
  const jar = new LegacyCookieJar(options.cookieName, options.cookie)
  const name = `iron-session:${jar.name}`
  return cookieSource({
    ...{ name, jar, conversion: new Conversion(options, false) },
    open: (value) => {
      if (!value.endsWith(VERSION)) return undefined
      const text = unseal(value.slice(0, -VERSION.length), passwords)
      if (text === undefined || text === false) return text
      return () => ({ data: parseEntry(name, text, 'JSON'), maxAge: ttl, lasts: ttl })
    },
    clear: () => [jar.clear()],
  })
}

/**
 * Iron's format, Fe26.2: `Fe26.2*password*salt*iv*sealed*expires*mac salt*mac`. AES-256-CBC and HMAC-SHA-256, each
 * under a key of PBKDF2-SHA-1 with one round.
 * @returns nothing for what is none or has expired, false for what is not authentic
 */
function unseal(seal: string, passwords: ReadonlyMap<string, string>): string | false | undefined {
  const parts = seal.split('*')
  const [prefix, id = '', salt = '', iv = '', sealed = '', expires = '', macSalt = '', mac = ''] =
    parts
  const password = passwords.get(id)
  if (parts.length !== PARTS || prefix !== 'Fe26.2') return undefined
  if (password === undefined) return false
  const base = parts.slice(0, 6).join('*')
  const expected = createHmac('sha256', keyOf(password, macSalt)).update(base).digest('base64url')
  if (!equalTexts(expected, mac)) return false
  if (expires !== '' && !(Number(expires) > Date.now() - SKEW)) return undefined
  const nonce = Buffer.from(iv, 'base64url')
  const decipher = createDecipheriv('aes-256-cbc', keyOf(password, salt), nonce)
  return Buffer.concat([decipher.update(sealed, 'base64url'), decipher.final()]).toString()
}

function keyOf(password: string, salt: string): Buffer {
  return pbkdf2Sync(password, salt, 1, 32, 'sha1')
}
