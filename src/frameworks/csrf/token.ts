/** A body that is larger is not read for a token: a header brings it. */
const LARGEST_BODY = 64 * 1024
const FORM = /^application\/x-www-form-urlencoded\b/i

/** Out of a body that a parser of the application has read. */
export function nodeToken(body: unknown, field: string): string | undefined {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, field)) return undefined
  const value = (body as Record<string, unknown>)[field]
  return typeof value === 'string' ? value : undefined
}

/** Out of a form that nobody has read yet, and that is read by the handler all the same. */
export async function formToken(request: Request, field: string): Promise<string | undefined> {
  if (request.bodyUsed || !FORM.test(request.headers.get('content-type') ?? '')) return undefined
  const length = Number(request.headers.get('content-length') ?? Number.NaN)
  if (!(length <= LARGEST_BODY)) return undefined
  return new URLSearchParams(await request.clone().text()).get(field) ?? undefined
}
