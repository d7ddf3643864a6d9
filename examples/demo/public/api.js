const { dataset } = document.documentElement

export const here = dataset.node
export const there = here === 'A' ? 'B' : 'A'
export const origins = { A: dataset.originA, B: dataset.originB }

const PATIENCE = 10_000

/** A call that was not carried out: `status` 0 where the node did not answer at all. */
export class CallError extends Error {
  constructor(node, status, code, message) {
    super(message)
    this.node = node
    this.status = status
    this.code = code
  }
}

/** Calls a node with this browser's cookie. With a body it is a POST. */
export async function call(node, path, body) {
  const post = body !== undefined && {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }
  let response
  try {
    response = await fetch(`${origins[node]}/api/${path}`, {
      credentials: 'include',
      cache: 'no-store',
      signal: AbortSignal.timeout(PATIENCE),
      ...post,
    })
  } catch {
    throw new CallError(node, 0, 'NO ANSWER', `Node ${node} does not answer.`)
  }
  const answer = await response.json().catch(() => ({}))
  if (response.ok) return answer
  const { code = `HTTP ${response.status}`, message = 'The request failed.' } = answer
  throw new CallError(node, response.status, code, message)
}
