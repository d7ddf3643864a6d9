/** A web node whose sessions are audited, or one that reads the audit. */
import { appendFileSync } from 'node:fs'
import { createSessions } from '../../../src/create-sessions.ts'
import { answer, argument } from '../../support/answer.ts'
import { SECRET, sleep } from '../../support/requests.ts'

export interface AuditNode {
  readonly redis: string
}

export interface Handling {
  readonly consumer: string
  readonly idle: number
  /** A line for each entry that has been handled. */
  readonly file: string
}

/** What the client was told has happened. */
export interface Act {
  readonly event: 'login' | 'rotated' | 'logout' | 'revoked'
  readonly id: string
}

const { redis } = argument() as AuditNode
const sessions = createSessions({ redis, secrets: [SECRET], audit: true, commandTimeout: '20s' })
await sessions.ready()

answer({
  signIn: async (principal: string): Promise<Act> => {
    const session = await sessions.open()
    await session.login(principal)
    return { event: 'login', id: session.id ?? '' }
  },
  rotate: async (principal: string): Promise<Act> => {
    const session = await sessions.open()
    await session.login(principal)
    await session.rotate()
    return { event: 'rotated', id: session.id ?? '' }
  },
  signOut: async (principal: string): Promise<Act> => {
    const session = await sessions.open()
    await session.login(principal)
    const id = session.id ?? ''
    await session.logout()
    return { event: 'logout', id }
  },
  revoke: async (principal: string): Promise<Act> => {
    const session = await sessions.open()
    await session.login(principal)
    const id = session.id ?? ''
    await sessions.of(principal).revokeAll()
    return { event: 'revoked', id }
  },
  handle: ({ consumer, idle, file }: Handling): void => {
    sessions.audit.read({ group: 'archive', consumer, idle }, async ({ position }) => {
      await sleep(1)
      appendFileSync(file, `${position}\n`)
    })
  },
})
