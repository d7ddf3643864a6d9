import { addSessionHeaders } from './headers.ts'

/**
 * Bun says what a text's Content-Type is only when it sends it, and forgets it when somebody looks at the
 * body as a stream.
 */
const TYPES_TEXT_LATE = !new Response('').headers.has('content-type')

/** Whether headers can be added: not where a socket takes over, nor to a network error. */
export function takesHeaders(response: Response | undefined): response is Response {
  // Bun's `server.upgrade` has its handler return nothing.
  return response !== undefined && response.status !== 101 && response.status !== 0
}

/** @returns the response with the session's headers, or one that stands for it */
export function withHeaders(response: Response, cookie: string | undefined): Response {
  // A response may be one that the application gives to everybody: it must not keep anybody's cookie.
  if (cookie !== undefined) return copyOf(response, cookie)
  try {
    addSessionHeaders(response.headers, undefined)
    return response
  } catch (error) {
    // What was fetched, or made by Response.redirect, cannot be changed.
    if (error instanceof TypeError) return copyOf(response, undefined)
    throw error
  }
}

/** @returns a response with the session's headers and another body of the same type */
export function withBody(
  response: Response,
  body: Response['body'],
  cookie: string | undefined,
): Response {
  const { status, statusText } = response
  // A copy: the Response of @hono/node-server goes on using the headers that it is given.
  const headers = new Headers(response.headers)
  // What has none there is a text more often than not.
  if (TYPES_TEXT_LATE && body !== null && !headers.has('content-type')) {
    headers.set('Content-Type', 'text/plain;charset=utf-8')
  }
  addSessionHeaders(headers, cookie)
  return new Response(body, { status, statusText, headers })
}

/** Nobody reads a response that is not sent: what its body holds, such as an open file, is let go. */
export function discard(response: Response | undefined): void {
  if (response?.body?.locked === false) response.body.cancel().catch(() => undefined)
}

function copyOf(response: Response, cookie: string | undefined): Response {
  if (!TYPES_TEXT_LATE || response.headers.has('content-type')) {
    return withBody(response, response.body, cookie)
  }
  const copy = response.clone()
  addSessionHeaders(copy.headers, cookie)
  return copy
}
