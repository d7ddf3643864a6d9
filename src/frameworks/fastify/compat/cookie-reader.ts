import {
  type CookieProfile,
  type CookieReader,
  cookieValues,
  nextValue,
} from '../../../core/cookie.ts'
import type { TokenForm } from '../../../core/token-form.ts'

/** Finds Sojourn's token behind the plugin's own cookie name and prefix. */
export class PrefixedCookie implements CookieReader {
  readonly #profile: CookieProfile
  readonly #prefix: string
  /** As browsers give it back. */
  readonly #encoded: string
  readonly #form: TokenForm

  constructor(name: string, prefix: string, form: TokenForm) {
    this.#profile = { name, suffix: '' }
    this.#prefix = prefix
    this.#form = form
    this.#encoded = encodeURIComponent(prefix)
  }

  profile(): CookieProfile {
    return this.#profile
  }

  first({ name }: CookieProfile, header: string): string | undefined {
    const at = nextValue(header, name, 0)
    if (at === -1) return undefined
    for (const prefix of [this.#encoded, this.#prefix]) {
      if (header.startsWith(prefix, at)) return this.#form.at(header, at + prefix.length)
    }
    return undefined
  }

  candidates({ name }: CookieProfile, header: string | undefined): string[] {
    if (header === undefined) return []
    return cookieValues(header, name)
      .map((value) => this.#withoutPrefix(value))
      .filter((value) => value !== undefined && value !== '') as string[]
  }

  /** Whether the browser has sent a cookie of ours, whatever is in it. */
  isIn(header: string | undefined): boolean {
    return this.candidates(this.#profile, header).length > 0
  }

  #withoutPrefix(value: string): string | undefined {
    for (const prefix of [this.#encoded, this.#prefix]) {
      if (value.startsWith(prefix)) return this.#form.of(value.slice(prefix.length))
    }
    return undefined
  }
}
