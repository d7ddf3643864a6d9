import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { Sessions } from '../../../src/core/sessions.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import { type AclRole, aclRulesFor } from '../../../src/operations/acl/acl.ts'
import type { DoctorAnswer, SessionsAnswer } from '../../../src/operations/console/api.ts'
import { type RedisCluster, startCluster } from '../../support/cluster.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { SECRET, signIn } from '../../support/requests.ts'
import { type Desk, openDesk } from './set-up.ts'

let server: RedisServer
let cluster: RedisCluster
const closing: (() => unknown)[] = []
beforeAll(async () => {
  ;[server, cluster] = await Promise.all([startRedis(), startCluster()])
}, 60_000)
afterAll(() => Promise.all([server.stop(), cluster.stop()]))
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

const single = () => ({ socket: server.socketPath })
const many = () => ({ cluster: cluster.addresses })

type Place = ReturnType<typeof single> | ReturnType<typeof many>

function openSessions(redis: Place): Sessions {
  const sessions = createSessions({ redis, secrets: [SECRET], audit: true })
  closing.push(() => sessions.close())
  return sessions
}

async function deskOf(role: AclRole, redis: Place): Promise<Desk> {
  const options = { role, user: role, prefix: 'sj', features: [], database: 0 }
  const rules = await aclRulesFor(redis, options)
  const nodes = 'cluster' in redis ? cluster.nodes : [server]
  for (const node of nodes) await node.cli('ACL', 'SETUSER', ...rules)
  const desk = await openDesk({
    redis: { ...redis, username: role, password: 'password' },
    secrets: SECRET,
    values: true,
  })
  closing.push(() => desk.close())
  return desk
}

async function allSessions(desk: Desk): Promise<string[]> {
  const ids: string[] = []
  let cursor = ''
  do {
    const answer = await desk.get<SessionsAnswer>(`/api/sessions?cursor=${cursor}`)
    ids.push(...answer.sessions.map(({ id }) => id))
    cursor = answer.cursor ?? ''
  } while (cursor !== '')
  return ids
}

async function firstLook(desk: Desk): Promise<string> {
  const looking = new AbortController()
  const live = await desk.ask('/api/live', { signal: looking.signal })
  let text = ''
  for await (const chunk of live.body ?? []) {
    text += Buffer.from(chunk).toString()
    if (/event: \w+\ndata: .*\n\n/.test(text)) break
  }
  looking.abort()
  return text
}

it.each([
  ['one server', single],
  ['a Cluster', many],
] as const)('%s: who may look sees all and ends nothing; an operator ends', async (_, place) => {
  const redis = place()
  const sessions = openSessions(redis)
  const tokens = await Promise.all(
    Array.from({ length: 60 }, (__, i) => signIn(sessions, { theme: 'x' }, `user-${i % 20}`)),
  )
  const looking = await deskOf('ops', redis)
  expect(new Set(await allSessions(looking)).size).toBe(60)
  expect(await looking.get('/api/principals?name=user-7')).toMatchObject({ total: 3 })
  expect(await firstLook(looking)).toContain('event: snapshot')
  const { examination } = (await (await looking.post('/api/doctor', {})).json()) as DoctorAnswer
  expect(examination.servers.length).toBe('cluster' in redis ? 3 : 1)
  const target = { principal: 'user-7' }
  const body = { target, reason: 'x', count: 3 }
  const refused = await looking.post('/api/revoke', body)
  expect([refused.status, await refused.json()]).toMatchObject([
    503,
    { code: 'ERR_SOJOURN_STORE_REFUSED', message: expect.stringContaining('NOPERM') },
  ])
  expect((await sessions.open(tokens[7], { fresh: true })).id).toBeDefined()

  const acting = await deskOf('operator', redis)
  const [id = ''] = await allSessions(acting)
  expect((await acting.ask(`/api/sessions/${id}?values=1`)).status).toBe(200)
  const done = await acting.post('/api/revoke', body)
  expect(await done.json()).toMatchObject({ found: 3, revoked: 3, verified: true })
  const ids = (await allSessions(acting)).slice(0, 20)
  const some = { target: { ids }, reason: 'x', count: 20 }
  expect(await (await acting.post('/api/revoke', some)).json()).toMatchObject({ verified: true })
  expect((await allSessions(acting)).length).toBe(37)
  expect(await acting.get('/api/audit')).toMatchObject({ entries: { length: 5 } })
})
