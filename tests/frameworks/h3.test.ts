import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { endingCases, nodeEndings, replyEndings } from './cases/endings.ts'
import { outageCases } from './cases/outages.ts'
import { h3Adapter } from './h3/h3-adapter.ts'
import { h3v1Adapter } from './h3/h3v1-adapter.ts'
import { nitroCases } from './h3/nitro-cases.ts'
import { webCases } from './h3/web-cases.ts'
import { adapterSuite, nodeResponseSuite } from './suite.ts'

const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)
beforeAll(() => {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
})
afterAll(() => {
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
})

describe('h3', () => {
  adapterSuite(h3Adapter)
  webCases()
})

describe('h3 1', () => {
  adapterSuite(h3v1Adapter)
  nodeResponseSuite(h3v1Adapter)
  nitroCases()
})

describe('on Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  const engine = () => redisEngine({ redis: server.url })
  endingCases(h3Adapter, replyEndings, engine)
  outageCases(h3Adapter)
  endingCases(h3v1Adapter, nodeEndings, engine)
  outageCases(h3v1Adapter)
})

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
