import { OptionError } from '../core/errors.ts'
import type { LegacyEntry, MirroredSession, OldEntry } from '../core/legacy.ts'
import { principalFrom } from '../core/principal-from.ts'
import type { Attributes } from './json.ts'

/** What all sources take. `Old`: the old application's data, as its types say; nobody checks that it is. */
export interface SourceOptions<Old extends object = Attributes> {
  /**
   * What becomes of an entry that has been taken over. `'keep'` (default): it stays as it is until its user signs
   * out or in here. `'delete'`: it goes at once. `'mirror'`: it is kept up to date, so that the old application can
   * take over again.
   */
  readonly old?: OldEntry | undefined
  /**
   * Whose session it is, so that it is listed, limited and signed out everywhere as if there had been a login:
   * the name of the attribute that holds it, or a function of the old data. Without it, and where that is
   * absent, it is nobody's. Where it is neither a text nor a number the session is not taken over, which is an
   * `error` event: taken over as nobody's it would be in no list, and no sign-out everywhere would end it.
   */
  readonly principal?: string | ((data: Old) => string | number | null | undefined) | undefined
  /**
   * Makes the attributes of the old data. Default: they are the same. What then has a name of another framework
   * (`django:…`, `spring:…`) is left out, which is a warning, once.
   */
  readonly map?: ((data: Old) => Attributes) | undefined
  /**
   * The reverse, for `old: 'mirror'`: makes what the old application reads. By default the attributes are the
   * same, and the principal stands in the attribute that `principal` names.
   */
  readonly unmap?:
    | ((attributes: Attributes, principal: string | undefined) => Attributes)
    | undefined
}

export const SOURCE_OPTIONS: readonly string[] = ['old', 'principal', 'map', 'unmap']

const OLD: readonly unknown[] = ['keep', 'delete', 'mirror']

export interface OldSession {
  readonly data: Attributes
  /** Milliseconds; absent: it ends with the browser. */
  readonly maxAge: number | undefined
  /** Of the entry, if it is used on and on. Milliseconds. */
  readonly lasts: number
}

/** How the old data becomes a session's, and the reverse. */
export class Conversion {
  readonly old: OldEntry
  readonly hasPrincipals: boolean
  readonly #options: SourceOptions<never>

  /**
   * @param mayMirror whether this source can
   * @throws OptionError
   */
  constructor(options: SourceOptions<never>, mayMirror: boolean) {
    const { old = 'keep', principal, map, unmap } = options
    if (!OLD.includes(old)) throw new OptionError('old', "takes 'keep', 'delete' or 'mirror'")
    if (old === 'mirror' && !mayMirror) {
      throw new OptionError(
        'old',
        "'mirror' is not offered for this source, or its client cannot write",
      )
    }
    for (const [name, value] of Object.entries({ map, unmap })) {
      if (value !== undefined && typeof value !== 'function') {
        throw new OptionError(name, 'takes a function')
      }
    }
    const isName = typeof principal === 'string' && principal !== ''
    if (principal !== undefined && !isName && typeof principal !== 'function') {
      throw new OptionError(
        'principal',
        'takes the name of an attribute, or a function of the data',
      )
    }
    const isOneWay = map !== undefined || typeof principal === 'function'
    if (old === 'mirror' && isOneWay && unmap === undefined) {
      throw new OptionError(
        'unmap',
        "is needed with old: 'mirror': the reverse of `map` and `principal`",
      )
    }
    this.old = old
    this.hasPrincipals = principal !== undefined
    this.#options = options
  }

  entry({ data, maxAge, lasts }: OldSession): LegacyEntry {
    const { principal, map } = this.#options
    let name: string | undefined
    if (typeof principal === 'function') name = principalFrom(principal(data as never))
    else if (principal !== undefined) name = principalFrom(data[principal])
    const attributes = map === undefined ? data : map(data as never)
    const lifetime = { idleTimeout: maxAge, persistent: maxAge !== undefined, lasts }
    return { ...lifetime, attributes, principal: name }
  }

  data({ attributes, principal }: MirroredSession): Attributes {
    const { principal: from, unmap } = this.#options
    if (unmap !== undefined) return unmap({ ...attributes }, principal)
    // A number stays one, as the old application has it.
    const isThere = principal === undefined || typeof from !== 'string'
    if (isThere || String(attributes[from]) === principal) return attributes
    return { ...attributes, [from]: principal }
  }
}
