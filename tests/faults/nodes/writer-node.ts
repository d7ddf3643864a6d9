/** A web node that writes to one session, over and over. */
import { SessionEndedError } from '../../../src/core/errors.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import { answer, argument } from '../../support/answer.ts'
import { SECRET } from '../../support/requests.ts'

const { redis } = argument() as { readonly redis: string }
const sessions = createSessions<{ n: number }>({ redis, secrets: [SECRET] })
await sessions.ready()

async function writeUntilItEnds(token: string): Promise<void> {
  const session = await sessions.open(token)
  for (;;) {
    try {
      await session.update('n', (n = 0) => n + 1)
    } catch (error) {
      if (error instanceof SessionEndedError) return
      throw error
    }
  }
}

answer({ writeUntilItEnds })
