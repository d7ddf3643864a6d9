/** `key:value` lines, as of INFO. */
export function linesOf(answer: unknown): Map<string, string> {
  const lines = new Map<string, string>()
  for (const line of String(answer).split('\n')) {
    const at = line.indexOf(':')
    if (at > 0 && !line.startsWith('#')) lines.set(line.slice(0, at), line.slice(at + 1).trim())
  }
  return lines
}

/** Lists of field, value, field, value, … */
export function fieldsOf(answer: unknown): Map<string, string> {
  const flat = Array.isArray(answer) ? answer : []
  const fields = new Map<string, string>()
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(String(flat[i]), String(flat[i + 1]))
  return fields
}

/** The same, of values of any kind. */
export function fieldPairs(answer: unknown): [name: string, value: unknown][] {
  const flat = Array.isArray(answer) ? answer : []
  const pairs: [string, unknown][] = []
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([String(flat[i]), flat[i + 1]])
  return pairs
}
