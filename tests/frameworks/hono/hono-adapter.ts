import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { compress } from 'hono/compress'
import type { Sessions } from 'sojourn'
import { honoSessions, type SessionEnv } from 'sojourn/hono'
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

interface Env extends SessionEnv<Data> {
  Bindings: HttpBindings
}
type Answered = Call & { readonly reply: Reply & { readonly response: Response | undefined } }

export const honoAdapter: Adapter = {
  name: 'Hono',
  start: (sessions, behaviours, options) => {
    const { fresh = false, freshBelow, trustProxy = false, compression, onError } = options
    const app = new Hono<Env>()
    if (compression === 'before') app.use(compress({ threshold: 0 }))
    app.use(honoSessions(sessions, { fresh, trustProxy }))
    if (compression === 'after') app.use(compress({ threshold: 0 }))
    if (freshBelow) app.use(`${freshBelow}/*`, honoSessions(sessions, { fresh: true }))
    for (const [path, behave] of Object.entries(behaviours))
      app.all(path, handler(behave, sessions))
    const errors: unknown[] = []
    app.onError((error, c) => {
      errors.push(error)
      const call = callOf(c, sessions)
      if (onError !== undefined) return answer(call, onError(error, call))
      return c.json({ error: codeOf(error) }, statusOf(error) as 500)
    })
    return listen(getRequestListener(app.fetch), errors)
  },
}

function handler(behave: Behaviour, sessions: Sessions<Data>) {
  return (c: Context<Env>): Promise<Response> => {
    const call = callOf(c, sessions)
    return answer(call, behave(call))
  }
}

async function answer(call: Answered, given: unknown): Promise<Response> {
  await given
  return call.reply.response ?? new Response('not answered', { status: 501 })
}

function callOf(c: Context<Env>, sessions: Sessions<Data>): Answered {
  return {
    get session() {
      // After a failed load there is none; a handler that asks all the same learns so.
      return plainProperties(c.get('session') ?? sessions.from(c.req.raw))
    },
    key: c.req.raw,
    request: c.env.incoming,
    reply: replyOf(c),
  }
}

function replyOf(c: Context<Env>): Answered['reply'] {
  let response: Response | undefined
  const keep = (made: Response): Response => {
    response = made
    return made
  }
  const stream = (source: Readable): Response => keep(c.body(Readable.toWeb(source) as never))
  return {
    get response() {
      return response
    },
    header: (name, value) => c.header(name, value, { append: true }),
    text: (body, status = 200) => keep(c.text(body, status as 200)),
    json: (value, status = 200) => keep(c.json(value, status as 200)),
    empty: (status) => keep(c.body(null, status as 204)),
    redirect: (location) => keep(c.redirect(location)),
    stream,
    file: (path) => stream(createReadStream(path)),
  }
}
