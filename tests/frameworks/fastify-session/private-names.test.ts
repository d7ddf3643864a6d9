import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyRequest } from 'fastify'
import { fastifySession } from 'sojourn/fastify-session'
import { expect, it } from 'vitest'
import { THEIRS } from '../../support/planted.ts'
import { type Mount, openShared, privateNameCases, type Values } from '../support/private-names.ts'

/** A save that is refused, and then all as it was. */
async function setAndTakeBack(session: FastifyRequest['session']): Promise<string> {
  const values = session as unknown as Values
  const { n } = values
  Object.assign(values, { n: 50, [THEIRS]: 'ours' })
  const error = await session.save().then(
    () => 'stored',
    ({ name }: Error) => name,
  )
  delete values[THEIRS]
  values['n'] = n
  return error
}

const onFastifySession: Mount = async (sessions, handle) => {
  const app = Fastify({ forceCloseConnections: true })
  await app.register(fastifySession, { sessions, cookie: { secure: false } })
  app.get('/taken-back', async ({ session }) => JSON.stringify(await setAndTakeBack(session)))
  app.get('*', async ({ session, url: path }) =>
    handle({ path, session: session as unknown as Values, id: session.sessionId }),
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
}

privateNameCases('fastify-session', onFastifySession)

it('of a save that is refused nothing is stored later either', async () => {
  const { ask, record } = await openShared(onFastifySession)
  expect(await ask('/taken-back')).toBe('AttributeError')
  expect(await record()).toMatchObject({ n: 1, [THEIRS]: 'hash' })
})
