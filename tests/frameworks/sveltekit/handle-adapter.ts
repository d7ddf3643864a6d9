import type { IncomingMessage } from 'node:http'
import type { Sessions } from 'sojourn'
import { type SvelteKitEvent, sveltekitSessions } from 'sojourn/sveltekit'
import { listener } from '../fetch/fetch-adapter.ts'
import { type Adapter, type Call, codeOf, type Data, statusOf } from '../support/adapter.ts'
import { behaviourAt } from '../support/behaviour-at.ts'
import { listen } from '../support/listen.ts'
import { plainProperties } from '../support/plain-properties.ts'
import { type WebReply, webReply } from '../support/web-reply.ts'

/** `handle`, called as SvelteKit does; SvelteKit itself is in examples/sveltekit. */
export const handleAdapter: Adapter = {
  name: 'SvelteKit’s handle',
  answersErrorsAnew: true,
  start: (sessions, behaviours, options) => {
    const { fresh = false, freshBelow, onError } = options
    const errors: unknown[] = []
    const calls = new WeakMap<SvelteKitEvent, IncomingMessage>()
    const callOf = (event: SvelteKitEvent): Call & { reply: WebReply } => ({
      get session() {
        return plainProperties(sessions.from(event))
      },
      key: event,
      request: calls.get(event) as IncomingMessage,
      reply: webReply(),
    })
    const answer = async (call: Call & { reply: WebReply }, given: unknown): Promise<Response> => {
      await given
      return call.reply.response ?? new Response('not answered', { status: 501 })
    }
    const answerError = (error: unknown, event: SvelteKitEvent): Promise<Response> => {
      errors.push(error)
      const call = callOf(event)
      if (onError !== undefined) return answer(call, onError(error, call))
      return answer(call, call.reply.json({ error: codeOf(error) }, statusOf(error)))
    }
    const isFresh =
      typeof fresh === 'function' ? ({ request }: SvelteKitEvent) => fresh(request) : fresh
    const handle = sveltekitSessions(sessions, { fresh: isFresh, onError: answerError })
    const below = sveltekitSessions(sessions, { fresh: true })
    const resolve = async (event: SvelteKitEvent): Promise<Response> => {
      const call = callOf(event)
      const behave = behaviourAt(behaviours, new URL(event.request.url).pathname)
      if (behave === undefined) return new Response('not found', { status: 404 })
      return answer(call, behave(call))
    }
    const serve = (sent: Request, { incoming }: { incoming: IncomingMessage }): unknown => {
      const event = eventOf(options.trustProxy === true ? byProxy(sent) : sent)
      calls.set(event, incoming)
      return handle({
        event,
        resolve: (same) => {
          const isBelow = freshBelow && new URL(sent.url).pathname.startsWith(freshBelow)
          return isBelow ? below({ event: same, resolve }) : resolve(same)
        },
      })
    }
    return listen(listener(serve), errors)
  },
}

export function eventOf(
  request: Request,
  isSubRequest = false,
): SvelteKitEvent & {
  locals: { session?: ReturnType<Sessions<Data>['from']> }
} {
  return { request, isSubRequest, locals: {} }
}

/** What SvelteKit's adapters do where they are told to believe a proxy. */
function byProxy(request: Request): Request {
  const url = new URL(request.url)
  const scheme = request.headers.get('x-forwarded-proto')?.split(',', 1)[0]?.trim()
  if (scheme !== undefined) url.protocol = `${scheme.toLowerCase()}:`
  return new Request(url, request)
}
