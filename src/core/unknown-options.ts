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
    throw new OptionError(prefix + name, `is not known; known are ${known.join(', ')}`)
  }
}

/** @throws OptionError for anything but an object with named members */
export function requireObject(option: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw new OptionError(option, 'takes an object')
}
