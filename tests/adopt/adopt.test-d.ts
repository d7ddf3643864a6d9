import { createSessions } from 'sojourn'
import {
  connectRedis,
  ironSession,
  koaSession,
  type LegacyClient,
  type LegacySource,
} from 'sojourn/adopt'
import { describe, expectTypeOf, it } from 'vitest'

declare const client: LegacyClient
/** As ioredis has it. */
declare const ioredis: {
  get(key: string): Promise<string | null>
  del(...keys: string[]): Promise<number>
  psetex(key: string, milliseconds: number, value: string): Promise<'OK'>
}

describe('sources', () => {
  it('are what `adopt` takes, whatever the data', () => {
    const source = connectRedis({ client: ioredis, secret: process.env['OLD_SECRET'] })
    expectTypeOf(source).toEqualTypeOf<LegacySource>()
    const sessions = createSessions<{ cart: string[] }>({ adopt: [source] })
    sessions.on('adopted', (event) => {
      expectTypeOf(event.principal).toEqualTypeOf<string | undefined>()
    })
  })

  it('know their options', () => {
    connectRedis({
      client,
      secrets: ['a', 'b'],
      old: 'mirror',
      principal: ({ userId }) => String(userId),
    })
    connectRedis<{ passport?: { user?: string } }>({
      client,
      secret: 'a',
      principal: (data) => data.passport?.user,
      map: ({ passport }) => ({ user: passport?.user }),
    })
    // @ts-expect-error of the old data there is no such thing
    connectRedis<{ user?: string }>({ client, secret: 'a', principal: (data) => data.passport })
    const koa = koaSession({ keys: ['a'], map: (data) => ({ ...data, a: 1 }) })
    expectTypeOf(koa.old).toEqualTypeOf<'keep' | 'delete' | 'mirror'>()
    // @ts-expect-error misspelt
    connectRedis({ client, secret: 'a', prefx: 'sess:' })
    // @ts-expect-error no such mode
    connectRedis({ client, secret: 'a', old: 'burn' })
    // @ts-expect-error the store's client is missing
    connectRedis({ secret: 'a' })
    // @ts-expect-error seconds there would be milliseconds here
    connectRedis({ client, secret: 'a', ttl: 86_400 })
    // @ts-expect-error no password
    ironSession({ cookieName: 'a' })
    // @ts-expect-error what it gives is no principal
    connectRedis({ client, secret: 'a', principal: () => ({}) })
  })
})
