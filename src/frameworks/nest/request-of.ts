import type { ExecutionContext } from '@nestjs/common'

type Loose = Readonly<Record<string, unknown>> | null | undefined

/**
 * The request that a handler works for: that of the platform, of a GraphQL operation's context, or of a
 * socket's handshake.
 */
export function requestOf(context: ExecutionContext): object | undefined {
  const type = context.getType<string>()
  if (type === 'http') return context.switchToHttp().getRequest<object>()
  if (type === 'graphql') return ofGraphql(context.getArgByIndex<Loose>(2))
  if (type === 'ws') {
    const client = context.switchToWs().getClient<Loose>()
    // A socket of ws has no request, but `wsSessions` knows the socket itself.
    return inObject(client?.['request']) ?? inObject(client)
  }
  return undefined
}

/** Apollo's context names it `req`, Mercurius has `reply`, and subscriptions keep it in `extra`. */
function ofGraphql(context: Loose): object | undefined {
  return (
    inObject(context?.['req']) ??
    inObject(context?.['request']) ??
    inObject((context?.['reply'] as Loose)?.['request']) ??
    inObject((context?.['extra'] as Loose)?.['request'])
  )
}

function inObject(value: unknown): object | undefined {
  return typeof value === 'object' && value !== null ? value : undefined
}
