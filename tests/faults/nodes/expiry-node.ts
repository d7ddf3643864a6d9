/** A web node that writes down which sessions it has been told of as expired, and when. */
import { appendFileSync } from 'node:fs'
import { createSessions } from '../../../src/create-sessions.ts'
import { answer, argument } from '../../support/answer.ts'
import { SECRET } from '../../support/requests.ts'

export interface ExpiryNode {
  readonly redis: string
  readonly audited: boolean
  /** A line for each event: time (ms since the epoch), id, principal. */
  readonly file: string
}

const { redis, audited, file } = argument() as ExpiryNode
const audit = audited ? { events: ['expired' as const] } : false
const sessions = createSessions({
  redis,
  secrets: [SECRET],
  expiry: 'reliable',
  audit,
  commandTimeout: '10s',
})
await sessions.ready()
sessions.on('expired', ({ id, principal }) => {
  appendFileSync(file, `${Date.now()} ${id} ${principal ?? ''}\n`)
})

answer({})
