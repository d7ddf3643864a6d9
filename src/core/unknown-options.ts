import { OptionError } from './errors.ts'

/**
 * @throws OptionError for a name that is not known: a misspelt option must not be silently ignored; and for
 * what is no object
 */
export function refuseUnknown(options: object, known: readonly string[], prefix = ''): void {
  if (typeof options !== 'object' || options === null) {
    throw new OptionError(prefix === '' ? 'options' : prefix.slice(0, -1), 'takes an object')
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const meant = known.find((each) => isNear(name.toLowerCase(), each.toLowerCase()))
    const hint = meant === undefined ? '' : `: did you mean \`${prefix}${meant}\`?`
    throw new OptionError(prefix + name, `is not known${hint}; known are ${known.join(', ')}`)
  }
}

/** Whether a letter, or two, make one of the other: exchanged, left out, or one too many. */
function isNear(one: string, other: string, left = 2): boolean {
  if (one === other) return true
  if (left === 0) return false
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  const [rest, otherRest] = [one.slice(at), other.slice(at)]
  return (
    isNear(rest.slice(1), otherRest, left - 1) ||
    isNear(rest, otherRest.slice(1), left - 1) ||
    isNear(rest.slice(1), otherRest.slice(1), left - 1)
  )
}

/** @throws OptionError for anything but an object with named members */
export function requireObject(option: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw new OptionError(option, 'takes an object')
}
