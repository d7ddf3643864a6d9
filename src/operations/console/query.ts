import { parseDuration } from '../../core/duration.ts'
import type { SessionFilter } from '../sessions/catalogue.ts'
import { badRequest } from './problem.ts'

/** Of a request body, bytes. */
const MOST_BODY = 64 * 1024
const LONGEST_PARAMETER = 2_000

/** Half of a character cannot be stored. */
export const isWellFormed = (text: string): boolean => !/\p{Cs}/u.test(text)

/** Of the query, if it is there and not empty. @throws Problem */
export function textIn(query: URLSearchParams, name: string): string | undefined {
  const [text, ...others] = query.getAll(name)
  if (others.length > 0) throw badRequest(`\`${name}\` is given twice.`)
  if (text === undefined || text === '') return undefined
  if (text.length > LONGEST_PARAMETER || !isWellFormed(text)) {
    throw badRequest(`\`${name}\` is too long, or no text.`)
  }
  return text
}

/** @throws Problem */
export function countIn(query: URLSearchParams, name: string): number | undefined {
  const text = textIn(query, name)
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`\`${name}\` takes a whole number.`)
  return Number(text)
}

/** @throws Problem */
export function flagIn(query: URLSearchParams, name: string): boolean | undefined {
  const text = textIn(query, name)
  if (text === undefined) return undefined
  if (/^(?:1|true|yes)$/.test(text)) return true
  if (/^(?:0|false|no)$/.test(text)) return false
  throw badRequest(`\`${name}\` takes 1 or 0.`)
}

/** @throws Problem, OptionError */
export function filterIn(query: URLSearchParams): SessionFilter {
  const duration = (name: string): number | undefined => {
    const text = textIn(query, name)
    return text === undefined ? undefined : parseDuration(name, text)
  }
  return {
    signedIn: flagIn(query, 'signedIn'),
    idleFor: duration('idleFor'),
    olderThan: duration('olderThan'),
    largerThan: countIn(query, 'largerThan'),
  }
}

/** An object, of a bounded number of bytes. @throws Problem */
export async function bodyOf(request: Request): Promise<Readonly<Record<string, unknown>>> {
  if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
    throw badRequest('A POST takes application/json.')
  }
  let text = ''
  const decoder = new TextDecoder()
  let length = 0
  for await (const chunk of request.body ?? []) {
    length += chunk.length
    if (length > MOST_BODY) throw badRequest(`A POST takes at most ${MOST_BODY} bytes.`)
    text += decoder.decode(chunk, { stream: true })
  }
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw badRequest('The body is no JSON.')
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
    return body as Readonly<Record<string, unknown>>
  }
  throw badRequest('The body takes a JSON object.')
}
