import { type } from 'arktype'
import {
  type ChangedSessions,
  counter,
  createSessions,
  fields,
  type OwnSessions,
  type PrincipalSessions,
  type Revoked,
  type Session,
  type SessionInfo,
  type Sessions,
  union,
  type View,
} from 'sojourn'
import * as v from 'valibot'
import { assertType, describe, expectTypeOf, it } from 'vitest'
import * as z from 'zod'

interface Item {
  sku: string
  tags: string[]
}
interface Data {
  cart: Item[]
  theme: 'light' | 'dark'
  visits: number
  seen: Map<string, { at: Date; ids: Set<number> }>
  file: Uint8Array
}

// Types only: nothing of this runs.
declare const session: Session<Data>
declare const sessions: Sessions<Data>

describe('names and values of attributes', () => {
  it('set takes what the data says', () => {
    expectTypeOf<Session<Data>['set']>().returns.toBeVoid()
    session.set('theme', 'dark')
    session.set('theme', undefined)
    session.set('cart', [{ sku: 'a', tags: [] }])
    // @ts-expect-error: no such value
    session.set('theme', 'pink')
    // @ts-expect-error: no such attribute
    session.set('colour', 'dark')
    // @ts-expect-error: an item lacks its tags
    session.set('cart', [{ sku: 'a' }])
    // @ts-expect-error: null is not undefined
    session.set('visits', null)
    // @ts-expect-error: the value is missing
    session.set('visits')
  })

  it('get gives what the data says, or nothing', () => {
    expectTypeOf(session.get('theme')).toEqualTypeOf<'light' | 'dark' | undefined>()
    expectTypeOf(session.get('visits')).toEqualTypeOf<number | undefined>()
    expectTypeOf(session.names()).toEqualTypeOf<(keyof Data)[]>()
    // @ts-expect-error: no such attribute
    session.get('colour')
    // @ts-expect-error: no such attribute
    session.has('colour')
    // @ts-expect-error: no such attribute
    session.delete('colour')
  })

  it('update gets a copy to change and has to return the whole value', () => {
    expectTypeOf(session.update('visits', (n = 0) => n + 1)).toEqualTypeOf<Promise<number>>()
    void session.update('cart', (cart = []) => {
      cart.push({ sku: 'a', tags: [] })
      return cart
    })
    // @ts-expect-error: no such attribute
    void session.update('colour', () => 'dark')
    // @ts-expect-error: no such value
    void session.update('visits', () => 'many')
    // @ts-expect-error: the attribute may be absent
    void session.update('visits', (n) => n + 1)
    // @ts-expect-error: it cannot be asynchronous
    void session.update('visits', async (n = 0) => n + 1)
    // @ts-expect-error: it has to return something
    void session.update('visits', () => undefined)
  })

  it('data has them as properties that may be absent', () => {
    expectTypeOf(session.data.visits).toEqualTypeOf<number | undefined>()
    session.data.theme = 'dark'
    session.data.cart?.push({ sku: 'a', tags: [] })
    delete session.data.cart
    // @ts-expect-error: no such value
    session.data.theme = 'pink'
    // @ts-expect-error: no such attribute
    session.data.colour = 'dark'
    // @ts-expect-error: the attribute may be absent
    session.data.cart.push({ sku: 'a', tags: [] })
  })

  it('login keeps attributes that exist', () => {
    expectTypeOf(
      session.login('u1', { keep: ['cart', 'theme'], device: undefined, idleTimeout: '30m' }),
    ).resolves.toBeVoid()
    // @ts-expect-error: no such attribute
    void session.login('u1', { keep: ['colour'] })
    // @ts-expect-error: a list
    void session.login('u1', { keep: 'cart' })
    // @ts-expect-error: who it is has to be said
    void session.login()
    // @ts-expect-error: no duration
    void session.login('u1', { idleTimeout: '30 minutes' })
  })
})

describe('a view', () => {
  it('is read-only all the way down', () => {
    const cart = session.get('cart')
    expectTypeOf(cart).toEqualTypeOf<
      readonly { readonly sku: string; readonly tags: readonly string[] }[] | undefined
    >()
    // @ts-expect-error: read-only
    cart?.push({ sku: 'a', tags: [] })
    const first = cart?.[0]
    if (first !== undefined) {
      // @ts-expect-error: read-only
      first.sku = 'b'
      // @ts-expect-error: read-only
      first.tags.push('x')
    }
  })

  it('is read-only inside of maps and sets too', () => {
    const seen = session.get('seen')
    // @ts-expect-error: read-only
    seen?.set('a', { at: new Date(), ids: new Set() })
    // @ts-expect-error: read-only
    seen?.get('a')?.ids.add(1)
    expectTypeOf(seen?.get('a')?.at).toEqualTypeOf<Date | undefined>()
    expectTypeOf(session.get('file')).toEqualTypeOf<Uint8Array | undefined>()
  })

  it('leaves simple values as they are', () => {
    expectTypeOf<View<string>>().toEqualTypeOf<string>()
    expectTypeOf<View<'a' | null>>().toEqualTypeOf<'a' | null>()
    expectTypeOf<View<bigint | undefined>>().toEqualTypeOf<bigint | undefined>()
    expectTypeOf<View<[number, string[]]>>().toEqualTypeOf<readonly [number, readonly string[]]>()
  })

  it('is what update answers with', () => {
    const answer = session.update('cart', (cart = []) => cart)
    expectTypeOf(answer).resolves.toEqualTypeOf<View<Item[]>>()
  })
})

describe('createSessions', () => {
  it('without a type takes any attribute and says that its value is unknown', () => {
    const open = createSessions()
    expectTypeOf(open).toEqualTypeOf<Sessions>()
    expectTypeOf(open.from({}).get('anything')).toEqualTypeOf<unknown>()
    open.from({}).set('anything', { at: 'all' })
  })

  it('with a type gives sessions of that type', () => {
    const typed = createSessions<Data>({ idleTimeout: '30m' })
    expectTypeOf(typed).toEqualTypeOf<Sessions<Data>>()
    expectTypeOf(typed.from({})).toEqualTypeOf<Session<Data>>()
    expectTypeOf(typed.open()).resolves.toEqualTypeOf<Session<Data>>()
  })

  it('infers the data from a schema of each kind', () => {
    const zod = createSessions({ schema: z.object({ n: z.number(), l: z.array(z.string()) }) })
    const valibot = createSessions({
      schema: v.object({ n: v.number(), l: v.array(v.string()) }),
    })
    const ark = createSessions({ schema: type({ n: 'number', l: 'string[]' }) })
    for (const one of [zod, valibot, ark]) {
      expectTypeOf(one.from({}).get('n')).toEqualTypeOf<number | undefined>()
      expectTypeOf(one.from({}).get('l')).toEqualTypeOf<readonly string[] | undefined>()
      // @ts-expect-error: no such attribute
      one.from({}).get('m')
      // @ts-expect-error: no such value
      one.from({}).set('n', 'many')
    }
  })

  it('takes merges that fit the attributes', () => {
    expectTypeOf(
      createSessions<Data>({ merge: { visits: counter, cart: union('sku') } }),
    ).toEqualTypeOf<Sessions<Data>>()
    createSessions<{ prefs: { a: number } }>({ merge: { prefs: fields() } })
    // @ts-expect-error: no such attribute
    createSessions<Data>({ merge: { colour: counter } })
    // @ts-expect-error: a counter is no merge of lists
    createSessions<Data>({ merge: { cart: counter } })
    // @ts-expect-error: an item has no such property
    createSessions<Data>({ merge: { cart: union('id') } })
    createSessions<{ readonly list: readonly Item[] }>({ merge: { list: union('sku') } })
    createSessions<Data>({ merge: { cart: union((item) => item.sku) } })
    createSessions<Data>({ merge: { cart: union<Item>('sku') } })
    createSessions({ schema: z.object({ n: z.number() }), merge: { n: counter } })
    const schema = z.object({ cart: z.array(z.object({ sku: z.string() })), n: z.number() })
    const typed = createSessions({ schema, merge: { cart: union('sku'), n: counter } })
    expectTypeOf(typed).toEqualTypeOf<Sessions<{ cart: { sku: string }[]; n: number }>>()
    // @ts-expect-error: the schema has no such attribute
    createSessions({ schema, merge: { nope: counter } })
    // @ts-expect-error: a counter is no merge of lists
    createSessions({ schema, merge: { cart: counter } })
    // @ts-expect-error: an item has no such property
    createSessions({ schema, merge: { cart: union('id') } })
    // @ts-expect-error: the schema is of other data
    createSessions<Data>({ schema })
    // Data that is not typed takes any merge.
    createSessions({ merge: { visits: counter, cart: union('sku') } })
    // @ts-expect-error: a step that is asynchronous
    createSessions({ version: 2, migrate: { 1: async (data) => data } })
  })

  it('takes options that exist, with values that can be', () => {
    expectTypeOf(createSessions({ idleTimeout: '5m', cookie: { sameSite: 'lax' } })).not.toBeAny()
    // @ts-expect-error: no such option
    createSessions({ ttl: 5 })
    // @ts-expect-error: no duration
    createSessions({ idleTimeout: '5 minutes' })
    // @ts-expect-error: no such option
    createSessions({ cookie: { httpOnly: false } })
    // @ts-expect-error: no such value
    createSessions({ cookie: { sameSite: 'Lax' } })
    // @ts-expect-error: no schema
    createSessions({ schema: {} })
  })

  it('types events by their names', () => {
    sessions.on('login', (event) => {
      expectTypeOf(event.principal).toEqualTypeOf<string>()
      assertType<string | undefined>(event.previousId)
    })
    // @ts-expect-error: no such event
    sessions.on('logon', () => undefined)
  })
})

describe('sessions of a principal', () => {
  it('know which session is the own one only where they are of a session', () => {
    expectTypeOf(sessions.of('u1')).toEqualTypeOf<PrincipalSessions<Data>>()
    expectTypeOf(sessions.of(session)).toEqualTypeOf<OwnSessions<Data>>()
    expectTypeOf(sessions.of(session).list()).resolves.toEqualTypeOf<SessionInfo[]>()
    expectTypeOf(sessions.of(session).revokeOthers()).resolves.toEqualTypeOf<Revoked>()
    // @ts-expect-error: whose others?
    void sessions.of('u1').revokeOthers()
    // @ts-expect-error: a principal that may be absent
    void sessions.of(session.principal)
  })

  it('take attributes as a session does, of which each may be left out', () => {
    const all = sessions.of('u1')
    expectTypeOf(
      all.set({ theme: 'dark', cart: undefined }),
    ).resolves.toEqualTypeOf<ChangedSessions>()
    expectTypeOf(all.update('visits', (n = 0) => n + 1)).resolves.toEqualTypeOf<ChangedSessions>()
    // @ts-expect-error: no such value
    void all.set({ theme: 'pink' })
    // @ts-expect-error: no such attribute
    void all.set({ colour: 'dark' })
    // @ts-expect-error: no such attribute
    void all.update('colour', () => 'dark')
    // @ts-expect-error: the attribute may be absent
    void all.update('visits', (n) => n + 1)
    // @ts-expect-error: it cannot be asynchronous
    void all.update('visits', async (n = 0) => n + 1)
    void createSessions()
      .of('u1')
      .set({ anything: { at: 'all' } })
  })

  it('have limits that can be', () => {
    createSessions({ maxSessions: 5 })
    createSessions({ maxSessions: { max: 5, policy: 'evict-idle', kinds: { mobile: 2 } } })
    createSessions({
      maxSessions: (login) => {
        expectTypeOf(login).toEqualTypeOf<{
          readonly principal: string
          readonly kind: string | undefined
        }>()
        return login.kind === undefined ? undefined : { max: 1, policy: 'reject' }
      },
    })
    void session.login('u1', { kind: 'mobile', maxSessions: 3 })
    // @ts-expect-error: no such policy
    createSessions({ maxSessions: { max: 5, policy: 'evict' } })
    // @ts-expect-error: how many of all?
    createSessions({ maxSessions: { kinds: { mobile: 1 } } })
    // @ts-expect-error: it cannot be asynchronous
    createSessions({ maxSessions: async () => 5 })
  })

  it('are told of by events', () => {
    sessions.on('evicted', (event) => {
      expectTypeOf(event).toEqualTypeOf<{
        readonly id: string
        readonly principal: string
        readonly by: string
      }>()
    })
  })

  it('types entries of the audit by their events', () => {
    createSessions({ audit: { events: ['login', 'changed'], retention: '30d' } })
    // @ts-expect-error: an error is not kept
    createSessions({ audit: { events: ['error'] } })
    sessions.audit.read({ group: 'g', consumer: 'c' }, (entry) => {
      // @ts-expect-error: it may be unreadable
      void entry.details
      if (entry.unreadable || entry.event !== 'login') return
      expectTypeOf(entry.details.principal).toEqualTypeOf<string>()
      expectTypeOf(entry.at).toEqualTypeOf<number>()
    })
    // @ts-expect-error: the consumer is missing
    sessions.audit.read({ group: 'g' }, () => undefined)
  })
})
