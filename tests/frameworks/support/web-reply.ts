import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { Reply } from './adapter.ts'

/** Answers by a `Response`; the last one that was made is the answer, also where a behaviour returns nothing. */
export interface WebReply extends Reply {
  readonly response: Response | undefined
}

export function webReply(): WebReply {
  const headers = new Headers()
  let response: Response | undefined
  const send = (
    body: ConstructorParameters<typeof Response>[0],
    status: number,
    type?: string,
  ): Response => {
    if (type !== undefined) headers.set('Content-Type', type)
    response = new Response(body, { status, headers })
    return response
  }
  const stream = (source: Readable): Response =>
    send(Readable.toWeb(source) as ConstructorParameters<typeof Response>[0], 200)
  return {
    get response() {
      return response
    },
    header: (name, value) => headers.append(name, value),
    text: (body, status = 200) => send(body, status, 'text/plain'),
    json: (value, status = 200) => send(JSON.stringify(value), status, 'application/json'),
    empty: (status) => send(null, status),
    redirect: (location) => {
      headers.set('Location', location)
      return send(null, 302)
    },
    stream,
    file: (path) => stream(createReadStream(path)),
  }
}
