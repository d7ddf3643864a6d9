interface Holder {
  readonly headers?: unknown
  readonly req?: unknown
  readonly request?: unknown
  /** Of Hono's own requests. */
  readonly raw?: unknown
  readonly node?: { readonly req?: unknown }
}

/**
 * A header of a request, for what a framework hands out for it, as `binding.to`, `newSessions.by` and `region` get it: of Node's
 * requests, web requests, and what has one of them as `req`, `request`, `raw` or `node.req`. Undefined where it has none.
 */
export function headerOf(request: object | undefined, name: string): string | undefined {
  const { headers, req, request: inner, raw, node } = (request ?? {}) as Holder
  if (typeof headers === 'object' && headers !== null) return valueIn(headers, name.toLowerCase())
  const within = req ?? inner ?? raw ?? node?.req
  return typeof within === 'object' && within !== null ? headerOf(within, name) : undefined
}

function valueIn(headers: object, name: string): string | undefined {
  const { get } = headers as Partial<Headers>
  if (typeof get === 'function') return (headers as Headers).get(name) ?? undefined
  const value = (headers as Readonly<Record<string, unknown>>)[name]
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'string' ? value : undefined
}
