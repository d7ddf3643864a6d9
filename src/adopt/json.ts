import { LegacyFormatError } from '../core/errors.ts'

/** Characters of an entry; far more than a session may have here. */
const LONGEST = 1024 * 1024
const DEEPEST = 64
/** In place of each byte that is no text: clients take entries for UTF-8. */
const NO_TEXT = '\ufffd'

export type Attributes = Record<string, unknown>

/**
 * The object that a text of JSON holds. Nothing but JSON is read: other serialisers make objects of classes,
 * and so run code that whoever could write to the store has chosen.
 * @param needs which serialiser the source needs
 * @throws LegacyFormatError
 */
export function parseEntry(source: string, text: string, needs: string): Attributes {
  const value = parseValue(source, text, needs)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Attributes
  }
  throw new LegacyFormatError(source, `an entry is JSON, but no object: ${needs}`)
}

/** As `parseEntry`, of whatever type. */
export function parseValue(source: string, text: string, needs: string): unknown {
  if (text.length > LONGEST) {
    const problem = `an entry has ${text.length} characters, the most is ${LONGEST}`
    throw new LegacyFormatError(source, problem)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Without the parser's own message: it quotes what it has read.
    throw new LegacyFormatError(source, `an entry is ${formOf(text)}, and not JSON: ${needs}`)
  }
  return plain(source, value, 1)
}

/** What it looks like, by its first bytes. */
function formOf(text: string): string {
  const [first = '', second = ''] = text
  const number = second.charCodeAt(0)
  // Pickle's PROTO opcode, 0x80, and a protocol up to 5; or a protocol 0 that begins with a dictionary.
  const isProtocol = (first === '\u0080' || first === NO_TEXT) && number <= 5
  if (isProtocol || text.startsWith('(d')) return 'a pickle of Python'
  // STREAM_MAGIC of Java's object serialisation is 0xACED.
  const isJava = text.startsWith('\u00ac\u00ed') || text.startsWith(NO_TEXT + NO_TEXT)
  return isJava ? 'a serialised object of Java' : 'of an unknown form'
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
