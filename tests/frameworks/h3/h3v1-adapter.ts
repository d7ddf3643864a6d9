import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import {
  appendHeader,
  createApp,
  createRouter,
  defineEventHandler,
  type H3Event,
  send,
  sendNoContent,
  sendRedirect,
  sendStream,
  setResponseStatus,
  toNodeListener,
} from 'h3v1'
import type { Sessions } from 'sojourn'
import { nitroSessions } from 'sojourn/h3'
import {
  codeOf,
  type Data,
  type NodeAdapter,
  type NodeBehaviour,
  type NodeCall,
  type Reply,
  statusOf,
} from '../support/adapter.ts'
import { listen } from '../support/listen.ts'
import { plainProperties } from '../support/plain-properties.ts'

/** h3 1, as Nitro 2 has it. */
export const h3v1Adapter: NodeAdapter = {
  name: 'h3 1',
  start: (sessions, behaviours, options) => {
    const { fresh = false, freshBelow, trustProxy = false, onError } = options
    const errors: unknown[] = []
    const app = createApp({
      onError: async (error, event) => {
        const thrown = error.cause ?? error
        errors.push(thrown)
        const call = callOf(event, sessions)
        // Not by a copy: after a failed load there is no session to be read.
        const own = { reply: { value: atOnce(event, call.reply) } }
        if (onError) await onError(thrown, Object.create(call, own) as NodeCall)
        else await call.reply.json({ error: codeOf(thrown) }, statusOf(thrown))
      },
    })
    const router = createRouter()
    for (const [path, behave] of Object.entries(behaviours)) {
      router.use(path, handler(behave, sessions))
    }
    app.use(router)
    const isFresh =
      typeof fresh === 'function' ? ({ path }: { path: string }) => fresh({ url: path }) : fresh
    if (freshBelow) {
      const isBelow = ({ path }: { path: string }): boolean => path.startsWith(freshBelow)
      nitroSessions(sessions, { fresh: isBelow, trustProxy })({ h3App: app })
    }
    nitroSessions(sessions, { fresh: isFresh, trustProxy })({ h3App: app })
    return listen(toNodeListener(app), errors)
  },
}

function handler(behave: NodeBehaviour, sessions: Sessions<Data>) {
  return defineEventHandler(async (event) => {
    // What behaviours return is not the answer: that is by `reply`, or by Node's own response.
    event._handled = true
    try {
      await behave(callOf(event, sessions))
    } catch (error) {
      event._handled = false
      throw error
    }
  })
}

function callOf(event: H3Event, sessions: Sessions<Data>): NodeCall {
  return {
    get session() {
      return plainProperties(sessions.from(event))
    },
    key: event,
    request: event.node.req,
    response: event.node.res,
    reply: replyOf(event),
  }
}

/** For error handlers: the answer has begun when they return, not in a later turn as h3's `send` has it. */
function atOnce(event: H3Event, reply: Reply): Reply {
  const { res } = event.node
  event._handled = true
  return {
    ...reply,
    text: (body, status = 200) => res.writeHead(status, { 'Content-Type': 'text/plain' }).end(body),
  }
}

/** As h3 does with what handlers return. */
function replyOf(event: H3Event): Reply {
  const answer = (sent: () => unknown): unknown => {
    event._handled = false
    return sent()
  }
  const stream = (source: Readable): unknown => answer(() => sendStream(event, source))
  return {
    header: (name, value) => appendHeader(event, name, value),
    text: (body, status = 200) => {
      setResponseStatus(event, status)
      return answer(() => send(event, body, 'text/plain'))
    },
    json: (value, status = 200) => {
      setResponseStatus(event, status)
      return answer(() => send(event, JSON.stringify(value), 'application/json'))
    },
    empty: (status) => {
      setResponseStatus(event, status)
      return answer(() => sendNoContent(event, status))
    },
    redirect: (location) => answer(() => sendRedirect(event, location)),
    stream,
    file: (path) => stream(createReadStream(path)),
  }
}
