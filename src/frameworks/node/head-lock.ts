import type { ServerResponse } from 'node:http'

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
  const tooLate = { value: refuseHeader }
  const undo = [
    shadow(response, 'headersSent', { get: () => true }),
    shadow(response, 'writableEnded', { get: hasEnded }),
    shadow(response, 'setHeader', tooLate),
    shadow(response, 'appendHeader', tooLate),
    shadow(response, 'removeHeader', tooLate),
  ]
  return () => {
    for (const restore of undo) restore()
    // Node ignores a status that is set after the head; nobody is told.
    response.statusCode = statusCode
    if (isNamed) response.statusMessage = statusMessage
  }
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

function refuseHeader(): never {
  throw headersSentError()
}

function shadow(target: object, name: string, descriptor: PropertyDescriptor): () => void {
  const own = Object.getOwnPropertyDescriptor(target, name)
  Object.defineProperty(target, name, { ...descriptor, configurable: true })
  return () => {
    if (own === undefined) Reflect.deleteProperty(target, name)
    else Object.defineProperty(target, name, own)
  }
}
