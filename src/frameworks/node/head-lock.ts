import type { ServerResponse } from 'node:http'

type HeaderMethod = 'setHeader' | 'appendHeader' | 'removeHeader'
type Change = (...args: readonly unknown[]) => unknown
type Question = 'headersSent' | 'writableEnded'

const LOCK: unique symbol = Symbol('sojourn.head-lock')
type Lockable = ServerResponse & { [LOCK]?: HeadLock }
type Locked = { readonly [LOCK]: HeadLock }

interface HeadLock {
  /** Whether `end` is held back too; undefined: the head is not locked. */
  hasEnded: (() => boolean) | undefined
  readonly changes: Readonly<Record<HeaderMethod, Change>>
  readonly questions: Readonly<Record<Question, PropertyDescriptor | undefined>>
}

/**
 * Makes a response whose head is held back look to everybody as if the head had gone out: what would
 * be set now comes too late, as it would without us, instead of changing an answer already given.
 * @param hasEnded whether `end` is held back too
 * @returns a function that undoes it
 */
export function lockHead(response: ServerResponse, hasEnded: () => boolean): () => void {
  const { statusCode } = response
  const isNamed = hasReason(response)
  const statusMessage = isNamed ? response.statusMessage : ''
  const lock = ((response as Lockable)[LOCK] ??= install(response))
  lock.hasEnded = hasEnded
  return () => {
    lock.hasEnded = undefined
    // Node ignores a status that is set after the head; nobody is told.
    response.statusCode = statusCode
    if (isNamed) response.statusMessage = statusMessage
  }
}

/**
 * Stays when the head is open again, and then does as was done before: to take it away would cost each
 * response that is held more than all the rest. The same functions for all, for the same reason.
 */
function install(response: ServerResponse): HeadLock {
  const { setHeader, appendHeader, removeHeader } = response as unknown as Record<
    HeaderMethod,
    Change
  >
  const lock: HeadLock = {
    hasEnded: undefined,
    changes: { setHeader, appendHeader, removeHeader },
    questions: {
      headersSent: Object.getOwnPropertyDescriptor(response, 'headersSent'),
      writableEnded: Object.getOwnPropertyDescriptor(response, 'writableEnded'),
    },
  }
  // Each by name: faster than Object.assign.
  response.setHeader = locking.setHeader as ServerResponse['setHeader']
  response.appendHeader = locking.appendHeader as ServerResponse['appendHeader']
  response.removeHeader = locking.removeHeader
  Object.defineProperty(response, 'headersSent', headersSent)
  Object.defineProperty(response, 'writableEnded', writableEnded)
  return lock
}

const change = (name: HeaderMethod): Change =>
  function (this: Locked, ...args) {
    const lock = this[LOCK]
    if (lock.hasEnded !== undefined) throw headersSentError()
    return lock.changes[name].apply(this, args as unknown[])
  }

const locking: Readonly<Record<HeaderMethod, Change>> = {
  setHeader: change('setHeader'),
  appendHeader: change('appendHeader'),
  removeHeader: change('removeHeader'),
}

const headersSent: PropertyDescriptor = {
  configurable: true,
  get(this: Locked) {
    return this[LOCK].hasEnded !== undefined || unlocked(this, 'headersSent')
  },
}

const writableEnded: PropertyDescriptor = {
  configurable: true,
  get(this: Locked) {
    const { hasEnded } = this[LOCK]
    return hasEnded === undefined ? unlocked(this, 'writableEnded') : hasEnded()
  },
}

function unlocked(response: Locked, name: Question): unknown {
  const own = response[LOCK].questions[name]
  if (own === undefined) return Reflect.get(Object.getPrototypeOf(response), name, response)
  return own.get === undefined ? own.value : own.get.call(response)
}

/** Whether the head has a reason phrase: over HTTP/2 it has none, and Node warns of a look at it. */
export function hasReason(response: ServerResponse): boolean {
  return response.req.httpVersionMajor < 2
}

/** The error that Node throws for it. */
export function headersSentError(): Error {
  return Object.assign(new Error('Cannot set headers after they are sent to the client'), {
    code: 'ERR_HTTP_HEADERS_SENT',
  })
}
