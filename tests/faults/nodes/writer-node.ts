/** A web node that writes to one session, over and over. */
import { SessionEndedError } from '../../../src/core/errors.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import { answer, argument } from '../../support/answer.ts'
import { SECRET } from '../../support/requests.ts'

const { redis } = argument() as { readonly redis: string }
const sessions = createSessions<{ n: number }>({ redis, secrets: [SECRET] })
await sessions.ready()

/** The session to write to; another than the one at work: that one is left. */
const wanted = { token: '' }

/** Until the session ends, or another is begun with. */
async function write(given: string): Promise<void> {
  wanted.token = given
  const session = await sessions.open(given)
  while (wanted.token === given) {
    try {
      await session.update('n', (n = 0) => n + 1)
    } catch (error) {
      if (error instanceof SessionEndedError) return
      throw error
    }
  }
}

function stop(): void {
  wanted.token = ''
}

answer({ write, stop })
