import { OptionError } from '../../core/errors.ts'
import type { Session } from '../../core/session.ts'
import type { AnyExchange } from '../node/response-hook.ts'
import { heldExchange, holdSession, sessionOf } from '../node/session-property.ts'

/** What of Koa's context is needed; mock contexts of tests have no more. */
interface AnyContext {
  readonly app?: { readonly context?: object }
}

/**
 * Makes it the session of `ctx.session`; where several are mounted, the first one. Another owner of
 * the property, such as koa-session, keeps it.
 */
export function defineSession(context: AnyContext, exchange: AnyExchange): void {
  holdSession(context, exchange)
  if ('session' in context) return
  // Once for the application: a property at each context would be paid for by each request.
  const prototype = context.app?.context
  const isShared = prototype !== undefined && Object.getPrototypeOf(context) === prototype
  Object.defineProperty(isShared ? prototype : context, 'session', ACCESSOR)
}

const ACCESSOR: PropertyDescriptor = {
  configurable: true,
  enumerable: true,
  /** Nothing where the middleware has not been. */
  get(this: object) {
    return sessionOf(this)
  },
  /** As koa-session has it: `null` ends the session, an object replaces its attributes. */
  set(this: object, value: unknown) {
    const exchange = heldExchange(this)
    if (exchange === undefined) {
      throw new TypeError('this request has no session: is the middleware in use?')
    }
    if (value === null) exchange.leave()
    else if (value !== sessionOf(this)) replaceAttributes(exchange.session as Session, value)
  },
}

/** @throws OptionError for what is no object of attributes, AttributeError for their names */
function replaceAttributes(session: Session, value: unknown): void {
  const isAttributes = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isAttributes) throw new OptionError('ctx.session', 'takes null or an object of attributes')
  session.clear()
  for (const [name, each] of Object.entries(value)) session.set(name, each)
}
