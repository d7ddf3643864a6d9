import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'

/** What frameworks of Node put on a request. */
interface Known {
  /** With the path that a router has taken off `url`. */
  readonly originalUrl?: string
  /** That path. */
  readonly baseUrl?: string
  /** Read and parsed already. */
  readonly body?: unknown
}

/** What a request was, before a router took anything off it, and where a router has put us. */
export function requestOf(
  message: IncomingMessage & Known,
  parsed: unknown,
  signal: AbortSignal,
): { readonly request: Request; readonly mountedAt: string | undefined } {
  const { method = 'GET', originalUrl, baseUrl, url = '/' } = message
  const headers = new Headers()
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i] ?? ''
    // HTTP/2 has some of its own.
    if (!name.startsWith(':')) headers.append(name, message.rawHeaders[i + 1] ?? '')
  }
  const authority = message.headers[':authority']
  if (!headers.has('host') && typeof authority === 'string') headers.set('host', authority)
  const scheme = (message.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http'
  // Not by the Host header, which may be anything: who needs it reads it.
  const address = new URL(`${scheme}://console.invalid${pathOf(originalUrl ?? url)}`)
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const body = hasBody ? bodyOf(message, parsed) : undefined
  return {
    request: new Request(address, {
      ...{ method, headers, signal },
      ...(body === undefined ? {} : { body, duplex: 'half' as const }),
    }),
    mountedAt: originalUrl === undefined ? undefined : baseUrl,
  }
}

/** Of a request to a proxy it is a whole URL. */
function pathOf(url: string): string {
  return url.startsWith('/') ? url : new URL(url).pathname
}

function bodyOf(
  message: IncomingMessage & Known,
  parsed: unknown,
): ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | string {
  // Express hands `next` to whoever is mounted.
  const known = (typeof parsed === 'function' ? undefined : parsed) ?? message.body
  if (known === undefined || known === null) return chunksOf(message)
  if (typeof known === 'string') return known
  return known instanceof Uint8Array ? new Uint8Array(known) : JSON.stringify(known)
}

/** As they are asked for: whoever reads them says how many are too many. */
function chunksOf(message: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks = message.iterator({ destroyOnReturn: false })
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = (await chunks.next()) as IteratorResult<Uint8Array>
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
    },
    { highWaterMark: 0 },
  )
}

/** Sends an answer piece by piece, the next when the browser has taken the one before. */
export async function send(response: Response, to: ServerResponse): Promise<void> {
  if (to.destroyed || to.headersSent) {
    await response.body?.cancel()
    return
  }
  to.statusCode = response.status
  for (const [name, value] of response.headers) {
    // HTTP/2 has no such header.
    if (name === 'connection' && to.req.httpVersionMajor > 1) continue
    if (name !== 'set-cookie') to.setHeader(name, value)
  }
  const cookies = response.headers.getSetCookie()
  if (cookies.length > 0) to.setHeader('set-cookie', cookies)
  if (response.body === null) {
    to.end()
    return
  }
  to.flushHeaders()
  const reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>
  const left = (): void => void reader.cancel().catch(() => undefined)
  to.once('close', left)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || to.destroyed) break
      if (!to.write(value)) await roomIn(to)
    }
    to.end()
  } catch {
    // The stream has failed or the browser has gone: there is nobody to tell.
    to.destroy()
  } finally {
    to.off('close', left)
    left()
  }
}

/** Also resolves where nobody will take anything any more. */
function roomIn(to: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      to.off('drain', done)
      to.off('close', done)
      resolve()
    }
    to.on('drain', done)
    to.on('close', done)
  })
}
