import type { BetterAuthOptions } from 'better-auth'
import { createSessions } from 'sojourn'
import { type FormerStorage, type SojournStorage, sojournStorage } from 'sojourn/better-auth'
import { expectTypeOf, it } from 'vitest'

type SecondaryStorage = NonNullable<BetterAuthOptions['secondaryStorage']>

it('is a secondary storage of better-auth', () => {
  expectTypeOf<SojournStorage>().toExtend<SecondaryStorage>()
  expectTypeOf<SecondaryStorage>().toExtend<FormerStorage>()
})

it('takes sessions of any data, or options', () => {
  const sessions = createSessions<{ cart: string[] }>()
  expectTypeOf(sojournStorage(sessions)).toEqualTypeOf<SojournStorage>()
  expectTypeOf(sojournStorage({ sessions })).toEqualTypeOf<SojournStorage>()
  sojournStorage({ redis: undefined, secrets: ['a secret'], prefix: 'auth' })
  // @ts-expect-error: better-auth decides on lifetimes
  sojournStorage({ idleTimeout: '1h' })
  // @ts-expect-error: sessions have theirs
  sojournStorage({ sessions, prefix: 'auth' })
})
