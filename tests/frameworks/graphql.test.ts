/** GraphQL over HTTP, and subscriptions over server-sent events: the session is in the resolvers' context. */
import { createSessions, memoryEngine, type Sessions } from 'sojourn'
import { afterEach, describe, expect, it } from 'vitest'
import { resolvers } from './graphql/schema.ts'
import { type Serve, serveExpress, serveFastify } from './graphql/servers.ts'
import type { Data } from './support/adapter.ts'
import { Browser } from './support/http-client.ts'
import { SECRET } from './support/world.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface World {
  readonly browser: Browser
  readonly sessions: Sessions<Data>
  readonly say: (message: string) => void
  readonly listening: () => number
  readonly ask: (
    query: string,
    browser?: Browser,
  ) => Promise<{ data: unknown; errors?: unknown; cookies: number }>
  readonly other: () => Browser
}

async function open(serve: Serve): Promise<World> {
  const engine = memoryEngine()
  const sessions = createSessions<Data>({ engine, secrets: [SECRET] })
  const { say, listening, ...made } = resolvers()
  const site = await serve(sessions, { say, listening, ...made })
  closing.push(
    () => sessions.close(),
    () => site.close(),
  )
  const other = (): Browser => {
    const browser = new Browser(site.port)
    closing.push(() => browser.close())
    return browser
  }
  const browser = other()
  const ask: World['ask'] = async (query, by = browser) => {
    const answer = await by.get('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query }),
    })
    const told = JSON.parse(answer.text) as { data: unknown; errors?: unknown }
    return { ...told, cookies: answer.cookies.length }
  }
  return { browser, sessions, say, listening, ask, other }
}

/** A subscription of a browser: what comes, until the server ends it. */
function subscribe(browser: Browser): Promise<string> {
  const query = encodeURIComponent('subscription { messages }')
  const headers = { accept: 'text/event-stream' }
  return browser.get(`/graphql/stream?query=${query}`, { headers }).then(({ text }) => text)
}

describe.each<[string, Serve]>([
  ['Express', serveExpress],
  ['Fastify', serveFastify],
])('GraphQL on %s', (_, serve) => {
  it('a mutation that signs in sets the cookie, one that signs out clears it', async () => {
    const { ask, browser } = await open(serve)
    expect(await ask('{ who }')).toEqual({ data: { who: 'nobody' }, cookies: 0 })
    expect(await ask('mutation { login(name: "ada") }')).toEqual({
      data: { login: 'ada' },
      cookies: 1,
    })
    expect(await ask('{ who }')).toEqual({ data: { who: 'ada' }, cookies: 0 })
    expect(await ask('mutation { logout }')).toEqual({ data: { logout: true }, cookies: 1 })
    expect(browser.token).toBeUndefined()
    expect(await ask('{ who }')).toMatchObject({ data: { who: 'nobody' } })
  })

  it('a sign-in within a longer mutation keeps what its other fields set', async () => {
    const { ask } = await open(serve)
    const steps = 'setLeft(to: 1) login(name: "ada") setRight(to: 2)'
    expect(await ask(`mutation { ${steps} }`)).toMatchObject({ cookies: 1 })
    expect(await ask('{ who counts }')).toMatchObject({ data: { who: 'ada', counts: [1, 2] } })
  })

  it('fields that run side by side change different attributes, and lose none', async () => {
    const { ask } = await open(serve)
    const counted = await ask('{ left right a: left b: left }')
    expect(counted.data).toMatchObject({ right: 1 })
    expect(await ask('{ counts }')).toMatchObject({ data: { counts: [3, 1] } })
  })

  it('so do operations of one browser that run at once', async () => {
    const { ask } = await open(serve)
    await ask('mutation { setLeft(to: 0) }')
    const fields = Array.from({ length: 6 }, (_, at) =>
      ask(`{ plus(name: "${at % 2 === 0 ? 'left' : 'right'}") }`),
    )
    const set = ask('{ plus(name: "n") }')
    for (const { errors } of await Promise.all([...fields, set])) expect(errors).toBeUndefined()
    expect(await ask('{ counts }')).toMatchObject({ data: { counts: [3, 3] } })
  })

  it('a resolver that fails does not take back what was set', async () => {
    const { ask } = await open(serve)
    expect(await ask('mutation { setRight(to: 5) fail }')).toMatchObject({
      data: { setRight: 5, fail: null },
      errors: [{ message: expect.stringContaining('resolver failed') as string }],
    })
    expect(await ask('{ counts }')).toMatchObject({ data: { counts: [99, 5] } })
  })

  it('a subscription ends with a sign-out, and others go on', async () => {
    const { ask, browser, other, say, listening } = await open(serve)
    await ask('mutation { login(name: "ada") }')
    const friend = other()
    await ask('mutation { login(name: "bob") }', friend)
    const [ada, bob] = [subscribe(browser), subscribe(friend)]
    await expect.poll(listening).toBe(2)
    say('hello')
    await ask('mutation { logout }', copyOf(browser, other()))
    const text = await ada
    expect(text).toContain('ada: hello')
    expect(text).toContain('event: complete')
    await expect.poll(listening).toBe(1)
    say('still here')
    await ask('mutation { logout }', copyOf(friend, other()))
    expect(await bob).toContain('bob: still here')
  })

  it('and with a revocation from elsewhere', async () => {
    const { ask, browser, sessions, listening } = await open(serve)
    await ask('mutation { login(name: "ada") }')
    const ada = subscribe(browser)
    await expect.poll(listening).toBe(1)
    await sessions.of('ada').revokeAll()
    expect(await ada).toContain('event: complete')
  })
})

/** The same browser by another connection: the first one's is taken by its subscription. */
function copyOf(browser: Browser, by: Browser): Browser {
  for (const [name, value] of browser.jar) by.jar.set(name, value)
  return by
}
