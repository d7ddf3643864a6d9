import type { FastifyReply, FastifyRequest } from 'fastify'
import { removeBodyHeaders } from '../node/headers.ts'
import type { Arrivals } from '../node/mount.ts'
import type { AnyExchange } from '../node/response-hook.ts'

/** What is thrown may be anything; Fastify's type is narrower than what it does. */
export type Next = (error?: unknown) => void

/** Fastify knows which proxies the application trusts. */
export function isSecure(request: FastifyRequest): boolean {
  return request.protocol === 'https'
}

/** The session could not be stored, and nothing has gone out. */
export function refuse(reply: FastifyReply, sessions: Arrivals<AnyExchange>, error: unknown): void {
  if (reply.sent) {
    // Hijacked: no error handler answers for it.
    sessions.reportError('commit', error)
    reply.raw.end()
    return
  }
  removeBodyHeaders({
    hasHeader: (name) => reply.hasHeader(name),
    removeHeader: (name) => void reply.removeHeader(name),
    setHeader: (name, value) => void reply.header(name, value),
  })
  void reply.send(error)
}
