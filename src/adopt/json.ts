import { LegacyFormatError } from '../core/errors.ts'

/** Characters of an entry; far more than a session may have here. */
const LONGEST = 1024 * 1024
const DEEPEST = 64
/** Of the first bytes of forms that are known, what to tell. Shown as they look when taken for UTF-8, too. */
const PICKLE = /^\u0080[\u0000-\u0005]|^\ufffd[\u0000-\u0005]|^[(c]\w*[\n(]/
const JAVA = /^\u00ac\u00ed|^\ufffd\ufffd\u0000\u0005/

export type Attributes = Record<string, unknown>

/**
 * The object that a text of JSON holds. Nothing but JSON is read: other serialisers make objects of classes,
 * and so run code that whoever could write to the store has chosen.
 * @param needs which serialiser the source needs
 * @throws LegacyFormatError
 */
export function parseEntry(source: string, text: string, needs: string): Attributes {
  if (text.length > LONGEST) {
    throw new LegacyFormatError(
      source,
      `an entry has ${text.length} characters, the most is ${LONGEST}`,
    )
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Without the parser's own message: it quotes what it has read.
    throw new LegacyFormatError(source, `an entry is ${formOf(text)}, and not JSON: ${needs}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LegacyFormatError(source, `an entry is JSON, but no object: ${needs}`)
  }
  return plain(source, value, 1) as Attributes
}

function formOf(text: string): string {
  if (PICKLE.test(text)) return 'a pickle of Python'
  return JAVA.test(text) ? 'a serialised object of Java' : 'of an unknown form'
}

/** Without what would be mistaken for a prototype, by whoever merges the attributes into something. */
function plain(source: string, value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > DEEPEST) {
    throw new LegacyFormatError(source, `an entry is nested deeper than ${DEEPEST} levels`)
  }
  if (Array.isArray(value)) return value.map((each) => plain(source, each, depth + 1))
  const copy: Attributes = {}
  for (const [name, each] of Object.entries(value)) {
    if (name !== '__proto__') copy[name] = plain(source, each, depth + 1)
  }
  return copy
}
