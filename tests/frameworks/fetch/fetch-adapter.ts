import type { IncomingMessage } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import type { Sessions } from 'sojourn'
import { fetchSessions } from 'sojourn/fetch'
import {
  type Adapter,
  type AppOptions,
  type Behaviour,
  type Call,
  codeOf,
  type Data,
  statusOf,
} from '../support/adapter.ts'
import { behaviourAt } from '../support/behaviour-at.ts'
import { listen } from '../support/listen.ts'
import { plainProperties } from '../support/plain-properties.ts'
import { type WebReply, webReply } from '../support/web-reply.ts'

type Behaviours = Readonly<Record<string, Behaviour>>

/** A handler of web standard requests, on Node's own Request and Response. */
export const fetchAdapter: Adapter = {
  name: 'fetch',
  answersErrorsAnew: true,
  start: (sessions, behaviours, options) => {
    const errors: unknown[] = []
    return listen(listener(application(sessions, behaviours, options, errors)), errors)
  },
}

export type Application = (request: Request, bindings: HttpBindings) => unknown

/** Node's server for it, which is another's work, without what it puts in the place of Response. */
export function listener(application: Application): ReturnType<typeof getRequestListener> {
  return getRequestListener(application as never, { overrideGlobalObjects: false })
}

function application(
  sessions: Sessions<Data>,
  behaviours: Behaviours,
  { fresh = false, freshBelow, trustProxy = false, onError }: AppOptions,
  errors: unknown[],
): Application {
  const calls = new WeakMap<Request, IncomingMessage>()
  const callOf = (request: Request): Call & { reply: WebReply } => ({
    get session() {
      return plainProperties(sessions.from(request))
    },
    key: request,
    request: calls.get(request) as IncomingMessage,
    reply: webReply(),
  })
  const answer = async (call: Call & { reply: WebReply }, given: unknown): Promise<Response> => {
    await given
    return call.reply.response ?? new Response('not answered', { status: 501 })
  }
  const withSessions = fetchSessions(sessions, {
    fresh,
    trustProxy,
    onError: (error, request) => {
      errors.push(error)
      const call = callOf(request)
      if (onError !== undefined) return answer(call, onError(error, call))
      return answer(call, call.reply.json({ error: codeOf(error) }, statusOf(error)))
    },
  })
  const again = fetchSessions(sessions, { trustProxy, fresh: true })
  const handle = (request: Request): Response | Promise<Response> => {
    const call = callOf(request)
    const behave = behaviourAt(behaviours, new URL(request.url).pathname)
    if (behave === undefined) return new Response('not found', { status: 404 })
    return answer(call, behave(call))
  }
  const below = again(handle)
  const fetch = withSessions((request) => {
    const { pathname } = new URL(request.url)
    const isBelow = freshBelow !== undefined && pathname.startsWith(freshBelow)
    return isBelow ? below(request) : handle(request)
  })
  return (request, { incoming }) => {
    calls.set(request, incoming)
    return fetch(request)
  }
}
