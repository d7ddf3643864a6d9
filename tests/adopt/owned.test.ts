/** Whose sessions they are, said by the application's data and the drop-ins' `principal`, not by the source. */
import { expect, it } from 'vitest'
import { type Kind, newApp } from './support/new-sites.mjs'
import { expressSessionApp, fastifyApp } from './support/old-sites.mjs'
import { later, listen, openStores, Person, SECRET } from './support/sites.ts'

const OLD = 'a secret of the old one, of 32 characters'
const PREFIX = 'old:'

async function begin(kind: Kind) {
  const stores = await openStores()
  const { server, client } = stores
  const [app, sessions] = await newApp(kind, {
    ...{ redis: server.url, secrets: [SECRET], name: 'ours' },
    principal: (session: { userId?: string }) => session.userId,
    source: { client, prefix: PREFIX, secret: OLD, cookie: { secure: false }, old: 'keep' },
  })
  later(() => sessions.close())
  const options = { client, prefix: PREFIX, secret: OLD }
  const old = await listen(
    kind === 'fastify' ? await fastifyApp(options) : expressSessionApp(options),
  )
  return { ours: await listen(app), old, sessions }
}

it.each<Kind>(['express', 'fastify'])(
  '%s: parallel requests with the old cookie: signed in, nothing lost',
  async (kind) => {
    const { ours, old, sessions } = await begin(kind)
    for (let user = 0; user < 10; user++) {
      const person = new Person()
      await person.get(old, `/remember/user-${user}/60000`)
      const copies = Array.from({ length: 3 }, () => person.copy())
      const answers = await Promise.all(copies.map((copy) => copy.get(ours, '/me')))
      for (const answer of answers) expect(answer).toMatchObject({ userId: `user-${user}` })
      for (const copy of [...copies, person]) {
        expect(await copy.get(ours, '/me')).toMatchObject({ userId: `user-${user}` })
      }
      expect(await sessions.of(`user-${user}`).count()).toBe(1)
    }
  },
)

it.each<Kind>(['express', 'fastify'])(
  '%s: who has signed in by other means stays, whatever the data say',
  async (kind) => {
    const { ours, sessions } = await begin(kind)
    const person = new Person()
    await person.get(ours, '/by-other-means/ada')
    for (let i = 1; i <= 2; i++) {
      expect(await person.get(ours, '/count')).toEqual({ count: i })
      await person.get(ours, '/me')
      expect(await sessions.of('ada').count()).toBe(1)
    }
    // What a request changes of it counts: signed in by the data, and out.
    await person.get(ours, '/remember/bob/60000')
    expect(await sessions.of('bob').count()).toBe(1)
    expect(await sessions.of('ada').count()).toBe(0)
  },
)
