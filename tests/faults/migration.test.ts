/** Sessions are moved to another server while people use them, and nodes go over, back and over again. */
import { expect, it } from 'vitest'
import { Users } from '../../bench/migrate/users.mjs'
import { createSessions } from '../../src/create-sessions.ts'
import { Migration } from '../../src/operations/migrate/migration.ts'
import { seeded } from '../support/random.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { SECRET, sleep } from '../support/requests.ts'
import { atEnd, proxyOf, server } from './setup.ts'

const RIGHT = { lost: 0, undone: 0, increments: 0 }

/** Whatever the machine can do: what follows has to keep up with the load, and users have to be left. */
const PAUSE = 10

/** Who migrates may do more than an application. */
const asAdmin = ({ admin, url }: RedisServer, by = { url }) => ({ ...admin, url: by.url })

async function start(count: number) {
  const [from, to] = await Promise.all([server(), server()])
  const sideOf = ({ url }: { url: string }) => {
    const sessions = createSessions<{ n: number }>({
      ...{ redis: url, secrets: [SECRET], commandTimeout: '10s' },
    })
    atEnd(() => sessions.close())
    return sessions
  }
  const users = new Users({ from: sideOf(from), to: sideOf(to) }, seeded('migration').next, PAUSE)
  await users.signIn(count)
  return { from, to, users }
}

/** Nodes come back on the other side when the two are in step: docs/migrate.md. */
async function moveAll(
  users: Users,
  inStep: () => Promise<void>,
  between: () => Promise<unknown>,
): Promise<void> {
  for (const share of [0.5, 1, 0.3, 1]) {
    await users.move(share, inStep)
    await between()
    await sleep(400)
  }
}

it('I1 I3 a migration under load loses no session and undoes no sign-out', async () => {
  const { from, to, users } = await start(2_000)
  users.start()
  const migration = new Migration({ from: asAdmin(from), to: asAdmin(to) })
  atEnd(() => migration.close())
  await migration.copy()
  await migration.inStep()
  const inStep = (): Promise<void> => migration.inStep()
  await moveAll(users, inStep, inStep)
  await users.stop()
  await migration.inStep()
  const { compared, differing } = await migration.verify()
  expect(differing).toEqual([])
  expect(compared).toBeGreaterThan(1_500)
  expect([await users.problems('from'), await users.problems('to')]).toEqual([RIGHT, RIGHT])
  expect(users.lost).toEqual([])
  expect(migration.counts.conflicts).toBe(0)
  expect(users.counts.signOuts).toBeGreaterThan(50)

  // The checker finds what it is there to find, once nobody makes the sides the same again.
  await migration.close()
  const keys = (await to.cli('KEYS', 'sj:*:s:*')).split('\n')
  await to.cli('DEL', ...keys.slice(0, keys.length / 2))
  expect(await users.problems('to')).not.toEqual(RIGHT)
}, 90_000)

it('I1 I3 nor one whose connections are cut all the time, and which is ended and run again', async () => {
  const { from, to, users } = await start(1_000)
  const [before, behind] = [await proxyOf(from), await proxyOf(to)]
  users.start()
  let migration: Migration | undefined
  atEnd(async () => migration?.close())
  const again = async (): Promise<Migration> => {
    await migration?.close()
    migration = new Migration({
      ...{ from: asAdmin(from, before), to: asAdmin(to, behind) },
      commandTimeout: 1_000,
    })
    await migration.copy()
    return migration
  }
  await again()
  let cuts = 0
  const inStep = async (): Promise<void> => migration?.inStep()
  await moveAll(users, inStep, async () => {
    for (const proxy of [before, behind]) {
      proxy.reset()
      cuts++
      await sleep(150)
    }
    const going = cuts === 4 ? await again() : (migration as Migration)
    await going.inStep()
  })
  await users.stop()
  const last = migration as unknown as Migration
  await last.inStep()
  expect((await last.verify()).differing).toEqual([])
  expect([await users.problems('from'), await users.problems('to')]).toEqual([RIGHT, RIGHT])
  expect(users.lost).toEqual([])
}, 90_000)
