/** What loggers make of an object, and what bytes look like in it. */
import { inspect } from 'node:util'

/** As JSON, with what has been there before left out, as loggers do it. */
export function asJson(thing: unknown): string {
  const seen = new Set<unknown>()
  return JSON.stringify(thing, (_, value: unknown) => {
    if (typeof value === 'bigint') return String(value)
    if (typeof value !== 'object' || value === null) return value
    if (seen.has(value)) return undefined
    seen.add(value)
    return value
  })
}

/** All that an object has, whatever it would say of itself. */
export const laidOpen = (thing: unknown, showHidden = false): string =>
  inspect(thing, {
    ...{ customInspect: false, depth: null, showHidden },
    ...{ maxArrayLength: null, maxStringLength: null },
  })

/** Without what stands between the bytes of an array: line breaks, padding, and indices in JSON. */
export const compact = (text: string): string => text.replaceAll(/"?\b\d+"?:|\s+/g, '')

/** How bytes may stand in what is printed, once it is `compact`. */
export function formsOfBytes(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes)
  // Without the end of base64: there it depends on what follows.
  const whole = buffer.subarray(0, buffer.length - (buffer.length % 3))
  return [
    buffer.toString('hex'),
    whole.toString('base64'),
    whole.toString('base64url'),
    buffer.join(','),
  ]
}
