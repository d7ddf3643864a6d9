/** A web node whose Redis is not there: it waits for it at start, and nothing else keeps the process alive. */
import { createSessions, type RedisSource } from '../../../src/index.ts'
import { answer, argument } from '../../support/answer.ts'
import { SECRET } from '../../support/requests.ts'

const sessions = createSessions({ redis: argument() as RedisSource, secrets: [SECRET] })
const error: unknown = await sessions.ready('700ms').catch((problem: unknown) => problem)
await sessions.close()

answer({ problem: () => (error as { code?: string }).code })
