import { expect, it } from 'vitest'
import { type Browser, HOUR, MINUTE, setUp, type World } from './session-set-up.ts'

type Data = Record<string, unknown>

async function signedIn(): Promise<{ world: World<Data>; user: Browser<Data> }> {
  const world = setUp<Data>()
  const user = world.browser()
  await user.visit((s) => s.login('u1', { device: 'Firefox' }))
  world.seen.length = 0
  return { world, user }
}

it('a step-up that finds the session rotated names the id that it was moved from', async () => {
  const { world, user } = await signedIn()
  const parallel = user.copy()
  const exchange = await user.request()
  await parallel.visit((s) => s.rotate())
  const between = world.announced('rotated') as { id: string }[]
  await exchange.session.stepUp(2)
  expect(world.announced('rotated')).toMatchObject([{}, { previousId: between[0]?.id }])
  expect(world.announced('step-up')).toMatchObject([
    { id: exchange.session.id, previousId: between[0]?.id },
  ])
})

it('a sign-out names the id that has ended', async () => {
  const { world, user } = await signedIn()
  const parallel = user.copy()
  const exchange = await user.request()
  await parallel.visit((s) => s.rotate())
  const [rotated] = world.announced('rotated') as { id: string }[]
  await exchange.session.logout()
  expect(world.announced('logout')).toEqual([{ id: rotated?.id, principal: 'u1' }])
})

it('a session whose deadline is moved to the past is told of as expired', async () => {
  const { world, user } = await signedIn()
  world.clock.advance(MINUTE)
  const exchange = await user.request()
  const { id } = exchange.session
  exchange.session.setLifetime({ idleTimeout: 1_000, absoluteTimeout: 1_000 })
  await exchange.session.commit()
  expect(world.announced('expired')).toEqual([
    { id, principal: 'u1', kind: undefined, device: 'Firefox', address: undefined },
  ])
  world.clock.advance(HOUR)
  expect(world.announced('expired')).toHaveLength(1)
})
