import { CDN_HEADERS } from './caching.ts'

/** Node's response, or a framework's own collection. */
export interface Headers {
  hasHeader(name: string): boolean
  removeHeader(name: string): void
  setHeader(name: string, value: string): void
}

/** Headers that speak of one body and not of the one that an error handler sends instead. */
const BODY_HEADERS: readonly string[] = [
  'content-length',
  'content-type',
  'content-encoding',
  'content-language',
  'content-location',
  'content-range',
  'content-disposition',
  'content-digest',
  'repr-digest',
  'transfer-encoding',
  'trailer',
  'accept-ranges',
  'etag',
  'last-modified',
  'expires',
  'location',
  'refresh',
]

/** Takes back what was said of a body that is not sent after all, and of how long to keep it. */
export function removeBodyHeaders(response: Headers): void {
  removeHeaders(response, BODY_HEADERS)
  removeHeaders(response, CDN_HEADERS)
  if (response.hasHeader('cache-control')) response.setHeader('Cache-Control', 'no-store')
}

export function removeHeaders(response: Headers, names: readonly string[]): void {
  for (const name of names) {
    // Node remembers a removal, of an absent header too: without Content-Length and
    // Transfer-Encoding the error's answer would end only with the connection.
    if (response.hasHeader(name)) response.removeHeader(name)
  }
}
