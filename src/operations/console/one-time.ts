import { equalBytes, randomBytes, sha256 } from '../../core/crypto.ts'
import { SECURITY_HEADERS, textAnswer } from './headers.ts'

/** Milliseconds. */
const LINK_LIFE = 10 * 60_000
const LOGIN_LIFE = 12 * 3_600_000
/** Then the oldest goes. */
const MOST = 100
const SECRET_BYTES = 32

export interface OneTimeOptions {
  /** Cookies know no ports: two consoles on one machine have names of their own. */
  readonly cookieName: string
  /** Whether the browser is reached by TLS. */
  readonly secure: boolean
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

interface Pass {
  /** Of the secret nothing else is kept. */
  readonly hash: Buffer
  readonly until: number
}

/**
 * Signs in whoever has a link that was printed on the terminal: once, and not for long. The browser gets a cookie for it,
 * so that the link is worth nothing in its history.
 */
export class OneTimeLogin {
  readonly #options: Required<OneTimeOptions>
  readonly #links: Pass[] = []
  readonly #logins: Pass[] = []

  constructor({ now = Date.now, ...options }: OneTimeOptions) {
    this.#options = { now, ...options }
  }

  /** For `/login?code=`. */
  newCode(): string {
    return this.#add(this.#links, LINK_LIFE)
  }

  /** Whether the request comes with the cookie of somebody who has had a link. */
  isSignedIn({ headers }: Request): boolean {
    const { cookieName } = this.#options
    return (headers.get('cookie') ?? '').split(';').some((pair) => {
      const [name, value = ''] = pair.trim().split('=')
      return name === cookieName && this.#find(this.#logins, value) !== undefined
    })
  }

  /** Of a link. A page that leads on by itself: after a redirect from elsewhere browsers keep a strict cookie back. */
  answer({ method, url, headers }: Request): Response {
    if (method !== 'GET') return textAnswer('A link is opened by GET.\n', 405, { allow: 'GET' })
    // What is only fetched in case somebody clicks must not use it up.
    if (headers.has('sec-purpose')) return textAnswer('', 503)
    const link = this.#find(this.#links, new URL(url).searchParams.get('code') ?? '')
    if (link === undefined) {
      return textAnswer(
        'This link has been used, or is older than 10 minutes. Press Enter where `sojourn console` runs: that prints a new one.\n',
        401,
      )
    }
    this.#links.splice(this.#links.indexOf(link), 1)
    const { cookieName, secure } = this.#options
    const cookie = [
      `${cookieName}=${this.#add(this.#logins, LOGIN_LIFE)}`,
      ...['Path=/', 'HttpOnly', 'SameSite=Strict', `Max-Age=${LOGIN_LIFE / 1_000}`],
      ...(secure ? ['Secure'] : []),
    ].join('; ')
    return new Response(LEADS_ON, {
      headers: {
        ...SECURITY_HEADERS,
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'set-cookie': cookie,
      },
    })
  }

  #add(passes: Pass[], life: number): string {
    const secret = randomBytes(SECRET_BYTES)
    passes.push({ hash: sha256(secret), until: this.#options.now() + life })
    if (passes.length > MOST) passes.shift()
    return secret.toString('base64url')
  }

  #find(passes: readonly Pass[], text: string): Pass | undefined {
    const hash = sha256(Buffer.from(text, 'base64url'))
    const now = this.#options.now()
    return passes.find((pass) => pass.until > now && equalBytes(pass.hash, hash))
  }
}

const LEADS_ON = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=./">
<title>Sojourn</title>
<p>You are signed in: <a href="./">to the console</a>.</p>
</html>
`
