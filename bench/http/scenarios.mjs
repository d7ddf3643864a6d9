import { sample } from '../support/sample.mjs'

const read = { method: 'GET', path: '/read' }
const write = { method: 'POST', path: '/write' }

const isRead = (body) => body === `${sample.theme} ${sample.locale}`
const isCount = (body) => /^[1-9]\d*$/.test(body)

/** `cookies`: which sessions are used; absent: none is sent. */
export const scenarios = [
  { name: 'read', cookies: 'small', isRight: isRead },
  { name: 'write', cookies: 'small', isRight: isCount },
  { name: 'mixed', cookies: 'small', isRight: (body) => isRead(body) || isCount(body) },
  { name: 'anonymous', isRight: (body) => body === 'anonymous' },
  { name: 'read4k', cookies: 'large', isRight: isRead },
]

export const isRight = (scenario, body) => scenario.isRight(body)

/** What one connection sends, over and over: each of its sessions in turn. */
export function requestsOf({ name }, cookies) {
  if (name === 'anonymous') return [read]
  const sent = (request, cookie) => ({ ...request, headers: { cookie } })
  if (name !== 'mixed') {
    return cookies.map((cookie) => sent(name === 'write' ? write : read, cookie))
  }
  // One of ten writes, and another session's in each of the ten rounds.
  return Array.from({ length: 10 }, (_, round) =>
    cookies.map((cookie, i) => sent((i + round) % 10 === 9 ? write : read, cookie)),
  ).flat()
}
