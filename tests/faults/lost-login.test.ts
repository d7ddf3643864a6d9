import { expect, it } from 'vitest'
import { until } from '../support/requests.ts'
import { node, proxyOf, server } from './setup.ts'

it('F07 a sign-in whose answer was lost on the wire is in no list once Redis can be reached again', async () => {
  const redis = await server()
  const proxy = await proxyOf(redis)
  const sessions = await node(proxy.url, { commandTimeout: '300ms' })
  const elsewhere = await node(redis.url)
  const list = (): Promise<readonly { id: string }[]> => elsewhere.of('ada').list()
  const session = await sessions.open()
  session.set('cart', [1])
  await session.commit()
  proxy.cut()
  await expect(session.login('ada')).rejects.toMatchObject({ indeterminate: true })
  expect(await list()).toHaveLength(1)
  proxy.heal()
  await until('the list is empty', async () => (await list()).length === 0, 10_000)
  await session.login('ada')
  expect((await list()).map(({ id }) => id)).toEqual([session.id])
  expect(session.get('cart')).toBeUndefined()
})
