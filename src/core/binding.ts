import { hmacSha256, type SecretKey } from './crypto.ts'
import { OptionError } from './errors.ts'
import type { Meta } from './meta.ts'
import { boundOf } from './meta.ts'
import { refuseUnknown, requireObject } from './unknown-options.ts'

/** What a signed-in client was like at its login, and is to be like afterwards. */
export interface BindingOptions {
  /**
   * What of a request is compared, by names of your own: `({ request }) => ({ agent: …, network: … })`. Asked with each
   * login, step-up and request; what has no value at the login is not compared, and one that is missing later differs. Nothing of
   * it is stored but a hash.
   */
  readonly to: (context: {
    readonly request: object | undefined
  }) => Readonly<Record<string, string | null | undefined>>
  /**
   * What is done where something differs, beside the event `anomaly`. `'report'`, the default: nothing. `'step-up'`: until the
   * next login or step-up `session.anomaly` names it, and `authenticatedWithin` is false. `'end'`: the session ends, on every node.
   */
  readonly policy?: BindingPolicy
}

export type BindingPolicy = 'report' | 'step-up' | 'end'

/** Checked. */
export interface Binding {
  readonly to: BindingOptions['to']
  readonly policy: BindingPolicy
  /** How often a name was told without a value at a login; undefined: it has been told with one. */
  readonly untold: Map<string, number | undefined>
}

const NAMES: readonly (keyof BindingOptions)[] = ['to', 'policy']
/** Enough to tell two clients apart, and too little to tell what they are. */
const HASH_BYTES = 6
const UNTOLD_TO_WARN = 10
/** They are of the application's own making, and few. */
const MOST_NAMES = 100

/** @throws OptionError */
export function checkBinding(options: unknown): Binding | undefined {
  if (options === undefined) return undefined
  requireObject('binding', options)
  refuseUnknown(options as object, NAMES, 'binding.')
  const { to, policy = 'report' } = options as Partial<BindingOptions>
  if (typeof to !== 'function') throw new OptionError('binding.to', 'takes a function')
  if (policy !== 'report' && policy !== 'step-up' && policy !== 'end') {
    throw new OptionError('binding.policy', "takes 'report', 'step-up' or 'end'")
  }
  return { to, policy, untold: new Map() }
}

/** What a login keeps with the session: a hash by name. Throws what `to` throws. */
export function traitsOf(
  { to, untold }: Binding,
  pepper: SecretKey,
  request: object | undefined,
): Readonly<Record<string, string>> {
  const traits: Record<string, string> = {}
  for (const [name, value] of Object.entries(toldBy(to, request))) {
    if (typeof value === 'string') traits[name] = hashOf(pepper, name, value)
    count(untold, name, typeof value === 'string')
  }
  return traits
}

/** What is never compared must not look like what never differs. */
function count(untold: Binding['untold'], name: string, isTold: boolean): void {
  const before = untold.has(name) ? untold.get(name) : 0
  if (before === undefined || untold.size > MOST_NAMES) return
  untold.set(name, isTold ? undefined : before + 1)
  if (isTold || before + 1 !== UNTOLD_TO_WARN) return
  process.emitWarning(
    `\`binding.to\` has told no \`${name}\` of the first ${UNTOLD_TO_WARN} logins: for those it is not compared. \`headerOf(request, name)\` ` +
      'reads headers of all frameworks; a name that is left out is not told of: docs/security.md, Another client. Told once.',
    { code: 'SOJOURN_NO_TRAIT' },
  )
}

/** The names of what is not as it was at the login; none where nothing was kept, or nothing can be compared. */
export function changedSince(
  binding: Binding,
  pepper: SecretKey,
  request: object | undefined,
  meta: Meta,
): readonly string[] {
  const bound = boundOf(meta)
  if (bound === undefined) return []
  const now = toldBy(binding.to, request)
  return Object.keys(bound).filter((name) => {
    // Names that the application does not compare any more, and not those that this request leaves out.
    if (!Object.hasOwn(now, name)) return false
    const value = now[name]
    return typeof value !== 'string' || bound[name] !== hashOf(pepper, name, value)
  })
}

/** @throws OptionError for what could not be compared: in silence it would let everybody in */
function toldBy(to: Binding['to'], request: object | undefined): ReturnType<Binding['to']> {
  const told: unknown = to({ request })
  const isFit = (value: unknown): boolean =>
    (value ?? undefined) === undefined || typeof value === 'string'
  const isTold = typeof told === 'object' && told !== null && !Array.isArray(told)
  if (isTold && !('then' in told) && Object.values(told).every(isFit)) {
    return told as ReturnType<Binding['to']>
  }
  // Nobody else waits for it: what it rejects with must not end the process.
  if (told instanceof Promise) told.catch(() => undefined)
  throw new OptionError(
    'binding.to',
    'is to answer, at once, with texts by name: { agent, network }',
  )
}

function hashOf(pepper: SecretKey, name: string, value: string): string {
  const hash = hmacSha256(pepper, Buffer.from(`sojourn/1/bound\0${name}\0${value}`))
  return hash.toString('base64url', 0, HASH_BYTES)
}
