import express from 'express'
import express4 from 'express4'
import { memoryEngine } from 'sojourn'
import { manualClock } from 'sojourn/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { contractCases } from './express-session/contract.ts'
import { formerCases } from './express-session/former.ts'
import { lifetimeCases } from './express-session/lifetimes.ts'
import { optionCases } from './express-session/options.ts'
import { passportCases } from './express-session/passport.ts'
import type { Place } from './express-session/place.ts'
import { racingCases } from './express-session/racing.ts'
import { redisCases } from './express-session/redis.ts'
import { servingCases } from './express-session/serving.ts'
import { openStore } from './express-session/site.ts'

const versions = [
  { name: 'Express 5', express },
  { name: 'Express 4', express: express4 as unknown as typeof express },
]

const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)
beforeAll(() => {
  process.on('unhandledRejection', note)
})
afterAll(() => {
  process.off('unhandledRejection', note)
})

describe('embedded', () => {
  let place: Place
  beforeEach(() => {
    const clock = manualClock()
    const engine = memoryEngine({ clock })
    const options = () => ({ engine, clock })
    place = { options, fresh: () => openStore(options()).store }
  })
  contractCases(() => place)
  describe.each(versions)('$name', (version) => {
    servingCases(version.express, () => place)
    racingCases(version.express, () => place)
    passportCases(version.express, () => place)
  })
})

describe('on Redis', () => {
  let server: RedisServer
  let place: Place
  let count = 0
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  beforeEach(() => {
    const prefix = `sj:${(count += 1)}`
    const options = () => ({ redis: server.url, prefix })
    place = { options, fresh: () => openStore({ ...options(), nearCache: false }).store }
  })
  contractCases(() => place)
  describe.each(versions)('$name', (version) => {
    servingCases(version.express, () => place)
    racingCases(version.express, () => place)
    passportCases(version.express, () => place)
  })
})

describe('options', () => {
  optionCases()
})

describe('only on Redis', () => {
  redisCases(express)
})

describe('the store that was used before', () => {
  formerCases(express)
})

describe('lifetimes', () => {
  lifetimeCases(express)
})

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
