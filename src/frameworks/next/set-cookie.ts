/** A cookie as Next's `cookies().set` takes it. */
export interface CookieFields {
  readonly name: string
  readonly value: string
  readonly path?: string
  readonly domain?: string
  /** Seconds. */
  readonly maxAge?: number
  readonly expires?: Date
  readonly httpOnly?: boolean
  readonly secure?: boolean
  readonly partitioned?: boolean
  readonly sameSite?: 'lax' | 'strict' | 'none'
}

/** @param header a Set-Cookie header of ours */
export function fieldsOf(header: string): CookieFields {
  const [pair = '', ...attributes] = header.split('; ')
  const [name, value] = halves(pair)
  return Object.assign({ name, value }, ...attributes.map(fieldOf)) as CookieFields
}

function fieldOf(attribute: string): Partial<CookieFields> {
  const [name, value] = halves(attribute)
  switch (name) {
    case 'Path':
      return { path: value }
    case 'Domain':
      return { domain: value }
    case 'Max-Age':
      return { maxAge: Number(value) }
    case 'Expires':
      return { expires: new Date(value) }
    case 'HttpOnly':
      return { httpOnly: true }
    case 'Secure':
      return { secure: true }
    case 'Partitioned':
      return { partitioned: true }
    case 'SameSite':
      return { sameSite: value.toLowerCase() as 'lax' | 'strict' | 'none' }
    default:
      throw new TypeError(`Next is not told of the cookie's ${name}`)
  }
}

function halves(text: string): [string, string] {
  const at = text.indexOf('=')
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
