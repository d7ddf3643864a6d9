// From the cookie header to a readable session, as an adapter asks for it.
import { createSessions } from '../../dist/index.js'
import { sample } from '../support/sample.mjs'
import { inTurns } from './measure.mjs'

const SESSIONS = 1_000
/** Of other software; a browser sends more than the session. */
const BEFORE = 'consent=all; _ga=GA1.1.1234567890.1732440000; '

export async function openSessions(options, secret) {
  const sessions = createSessions({ secrets: [secret], cookie: { secure: false }, ...options })
  await sessions.ready()
  return sessions
}

/** @returns the cookie headers of so many sessions, each stored and then read once */
async function headersOf(sessions) {
  const headers = []
  for (let i = 0; i < SESSIONS; i++) {
    const session = await sessions.open()
    for (const [name, value] of Object.entries(sample)) session.set(name, value)
    await session.commit()
    headers.push(`${BEFORE}session=${session.token}`)
  }
  for (const cookie of headers) {
    const { session } = await sessions.exchange({}, requestWith(cookie))
    if (session.get('theme') !== sample.theme) throw new Error('a session was not found')
  }
  return headers
}

const requestWith = (cookie) => ({ cookie, secure: false, host: 'localhost', proxied: false })

/** @returns functions to measure; by name */
export async function hits(sessions) {
  const requests = (await headersOf(sessions)).map(requestWith)
  const next = inTurns(requests)
  const nextSocket = inTurns(await attached(sessions, requests))
  const readTwo = ({ session }) => `${session.get('theme')} ${session.get('locale')}`
  const exchange = () => sessions.exchange({}, next())
  if (exchange() instanceof Promise) {
    return {
      'to a readable session': exchange,
      'and two attributes': async () => readTwo(await exchange()),
    }
  }
  return {
    'to a readable session': exchange,
    'and two attributes': () => readTwo(exchange()),
    'and whether it is to be stored': () => {
      const opened = exchange()
      return readTwo(opened) !== '' && opened.dirty
    },
    'an object read, and whether it is to be stored': () => {
      const opened = exchange()
      return opened.session.get('cart').length > 0 && opened.dirty
    },
    'an object taken to change, and whether it is to be stored': () => {
      const opened = exchange()
      return opened.session.data.cart.length > 0 && opened.dirty
    },
    'an attribute set, and whether it is to be stored': () => {
      const opened = exchange()
      opened.session.set('views', 1)
      return opened.dirty
    },
    'no cookie': () => sessions.exchange({}, requestWith(undefined)),
    "a socket's event: two attributes": () => nextSocket().run((session) => readTwo({ session })),
  }
}

/** What an adapter of sockets holds for each connection. */
async function attached(sessions, requests) {
  const attachments = []
  for (const request of requests) {
    const handshake = {}
    await sessions.exchange(handshake, request)
    attachments.push(sessions.attach(handshake))
  }
  return attachments
}
