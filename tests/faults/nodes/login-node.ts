/** A web node of the login storms. */
import { createSessions } from '../../../src/create-sessions.ts'
import { answer, argument } from '../../support/answer.ts'
import { SECRET } from '../../support/requests.ts'

export interface LoginNode {
  readonly redis: string
}

export interface Logins {
  readonly principal: string
  readonly count: number
  readonly policy: 'evict-oldest' | 'evict-idle' | 'reject'
  readonly max: number
}

const { redis } = argument() as LoginNode
const sessions = createSessions({ redis, secrets: [SECRET], commandTimeout: '20s' })
await sessions.ready()

/** All at once. @returns the tokens of those that were let in */
async function login({ principal, count, policy, max }: Logins): Promise<string[]> {
  const tokens = Array.from({ length: count }, async () => {
    const session = await sessions.open()
    const isIn = await session.login(principal, { maxSessions: { max, policy } }).then(
      () => true,
      (error: { code?: string }) => {
        if (error.code !== 'ERR_SOJOURN_SESSION_LIMIT') throw error
        return false
      },
    )
    return isIn ? [session.token as string] : []
  })
  return (await Promise.all(tokens)).flat()
}

answer({ login })
