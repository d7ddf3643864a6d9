import { createReadStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { H3, type H3Event, toNodeHandler } from 'h3'
import type { Sessions } from 'sojourn'
import { h3Sessions, type WebEvent } from 'sojourn/h3'
import {
  type Adapter,
  type Behaviour,
  type Call,
  codeOf,
  type Data,
  type Reply,
  statusOf,
} from '../support/adapter.ts'
import { listen } from '../support/listen.ts'
import { plainProperties } from '../support/plain-properties.ts'

type Answered = Call & { readonly reply: Reply & { readonly value: unknown } }

/** h3 2. Its values are left to h3 to make responses of, but for streams and files. */
export const h3Adapter: Adapter = {
  name: 'h3',
  start: (sessions, behaviours, options) => {
    const { fresh = false, freshBelow, trustProxy = false, onError } = options
    const errors: unknown[] = []
    const app = new H3({ silent: true })
    const answerError = (error: unknown, event: WebEvent): unknown => {
      errors.push(error)
      const call = callOf(event as H3Event, sessions)
      if (onError !== undefined) return answer(call, onError(error, call))
      return call.reply.json({ error: codeOf(error) }, statusOf(error))
    }
    const isFresh = typeof fresh === 'function' ? ({ req }: { req: Request }) => fresh(req) : fresh
    app.use(h3Sessions(sessions, { fresh: isFresh, trustProxy, onError: answerError }))
    if (freshBelow) app.use(`${freshBelow}/**`, h3Sessions(sessions, { fresh: true }))
    for (const [path, behave] of Object.entries(behaviours)) {
      app.all(path, (event) => {
        const call = callOf(event, sessions)
        return answer(call, (behave as Behaviour)(call))
      })
    }
    return listen(toNodeHandler(app), errors)
  },
}

async function answer(call: Answered, given: unknown): Promise<unknown> {
  await given
  return call.reply.value ?? new Response('not answered', { status: 501 })
}

function callOf(event: H3Event, sessions: Sessions<Data>): Answered {
  return {
    get session() {
      return plainProperties(sessions.from(event))
    },
    key: event,
    request: event.runtime?.node?.req as IncomingMessage,
    reply: replyOf(event),
  }
}

function replyOf(event: H3Event): Answered['reply'] {
  let value: unknown
  const keep = (made: unknown): unknown => {
    value = made
    return made
  }
  const send = (body: unknown, status: number, type?: string): unknown => {
    event.res.status = status
    if (type !== undefined) event.res.headers.set('Content-Type', type)
    return keep(body)
  }
  return {
    get value() {
      return value
    },
    header: (name, text) => event.res.headers.append(name, text),
    text: (body, status = 200) => send(body, status, 'text/plain'),
    json: (json, status = 200) => send(json, status),
    empty: (status) => keep(new Response(null, { status })),
    redirect: (location) =>
      keep(new Response(null, { status: 302, headers: { Location: location } })),
    stream: (source) => keep(source),
    file: (path) => keep(createReadStream(path)),
  }
}
