import type { DynamicModule } from '@nestjs/common'
import { createSessions, type Sessions } from 'sojourn'
import {
  type NestSession,
  Public,
  RequireLevel,
  RequireLogin,
  Session,
  SojournModule,
} from 'sojourn/nest'
import { describe, expectTypeOf, it } from 'vitest'

interface Item {
  readonly sku: string
}

declare module 'sojourn/nest' {
  interface SessionData {
    cart: Item[]
    theme: 'light' | 'dark'
  }
}

interface Own {
  visits: number
}

describe('NestSession', () => {
  it('has the attributes of SessionData and the members of a session', () => {
    expectTypeOf<NestSession['cart']>().toEqualTypeOf<Item[] | undefined>()
    expectTypeOf<NestSession['principal']>().toEqualTypeOf<string | undefined>()
    expectTypeOf<NestSession>().not.toHaveProperty('basket')
  })

  it('@Session takes its attributes’ names', () => {
    expectTypeOf(Session).toBeCallableWith('cart')
    // @ts-expect-error no such attribute
    Session('basket')
  })
})

describe('SojournModule', () => {
  it('takes options of createSessions, or sessions', () => {
    const sessions: Sessions<Own> = createSessions<Own>()
    expectTypeOf(SojournModule.forRoot({ sessions, fresh: true })).toExtend<DynamicModule>()
    SojournModule.forRoot<Own>({ merge: { visits: () => 0 }, outage: 'anonymous' })
    // @ts-expect-error no such attribute
    SojournModule.forRoot<Own>({ merge: { basket: () => 0 } })
    // @ts-expect-error one of them
    SojournModule.forRoot<Own>({ sessions, secrets: ['x'] })
  })

  it('gives useFactory what inject names', () => {
    class Config {
      readonly secret: string = ''
    }
    const made = SojournModule.forRootAsync<Own, [Config]>({
      inject: [Config],
      useFactory: (config) => ({ secrets: [config.secret] }),
    })
    expectTypeOf(made).toExtend<DynamicModule>()
  })
})

describe('the guard’s decorators', () => {
  it('fit methods and classes', () => {
    expectTypeOf(RequireLogin()).toExtend<MethodDecorator & ClassDecorator>()
    expectTypeOf(RequireLevel(2, { within: '5m' })).toExtend<MethodDecorator & ClassDecorator>()
    expectTypeOf(Public()).toExtend<MethodDecorator & ClassDecorator>()
    // @ts-expect-error a number
    RequireLevel('2')
  })
})
