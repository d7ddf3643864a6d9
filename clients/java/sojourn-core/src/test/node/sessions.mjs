// A web node for the Java tests: does what it is told, one JSON object a line, and answers each with one.
// Usage: node sessions.mjs <dist> <redis URL> <secret> [<options, JSON>]
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [dist, redis, secret, options = '{}'] = process.argv.slice(2)
const { createSessions, counter } = await import(pathToFileURL(`${dist}/index.js`).href)
const sessions = createSessions({ redis, secrets: [secret], merge: { visits: counter }, ...JSON.parse(options) })
const reused = []
sessions.on('token-reuse', ({ principal }) => reused.push(principal ?? null))

const told = (session) => ({
  token: session.token ?? null,
  id: session.id ?? null,
  principal: session.principal ?? null,
  level: session.level ?? null,
  expiresAt: session.expiresAt ?? null,
  deadline: session.deadline ?? null,
  attributes: session.toJSON(),
})

const commands = {
  async open({ token }) {
    return told(await sessions.open(token ?? undefined, { fresh: true }))
  },
  async set({ token, values }) {
    const session = await sessions.open(token ?? undefined, { fresh: true })
    for (const [name, value] of Object.entries(values)) session.set(name, value)
    await session.commit()
    return told(session)
  },
  /** Each as a request of its own. */
  async count({ token, name, times }) {
    for (let i = 0; i < times; i++) {
      const session = await sessions.open(token)
      await session.update(name, (value) => (value ?? 0) + 1)
    }
    return {}
  },
  async visit({ token, times }) {
    for (let i = 0; i < times; i++) {
      const session = await sessions.open(token)
      session.set('visits', (session.get('visits') ?? 0) + 1)
      await session.commit()
    }
    return {}
  },
  async login({ token, principal, options }) {
    const session = await sessions.open(token ?? undefined, { fresh: true })
    await session.login(principal, options)
    return told(session)
  },
  async rotate({ token }) {
    const session = await sessions.open(token, { fresh: true })
    await session.rotate()
    return told(session)
  },
  async stepUp({ token, level }) {
    const session = await sessions.open(token, { fresh: true })
    await session.stepUp(level)
    return told(session)
  },
  async logout({ token }) {
    const session = await sessions.open(token, { fresh: true })
    await session.logout()
    return told(session)
  },
  async list({ principal }) {
    return { sessions: await sessions.of(principal).list() }
  },
  async revokeAll({ principal, except }) {
    return { count: (await sessions.of(principal).revokeAll(except === undefined ? {} : { except })).count }
  },
  async revoke({ id }) {
    return { revoked: (await sessions.revoke(id)) !== false }
  },
  async reused() {
    return { reused }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...rest } = JSON.parse(line)
  try {
    console.log(JSON.stringify(await commands[command](rest), (_, value) => (typeof value === 'bigint' ? `${value}n` : value)))
  } catch (error) {
    console.log(JSON.stringify({ error: error.code ?? String(error) }))
  }
}
await sessions.close()
