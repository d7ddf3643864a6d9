import { describe, expect, it } from 'vitest'
import { OptionError } from '../../../src/core/errors.ts'
import { PARTITIONS, partitionTag, placeOfTag, REGIONS } from '../../../src/core/partitions.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import { SECRET } from '../../support/requests.ts'

const eu = { number: 0, redis: 'redis://127.0.0.1:1' }
const us = { number: 1, redis: 'redis://127.0.0.1:2' }

describe('tags', () => {
  it('are other ones in each region, and lead back', () => {
    const seen = new Set<string>()
    for (let region = 0; region < REGIONS; region++) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const tag = partitionTag(partition, region)
        expect(placeOfTag(tag)).toEqual({ partition, region })
        seen.add(tag)
      }
    }
    expect(seen.size).toBe(PARTITIONS * REGIONS)
    expect(() => partitionTag(0, REGIONS)).toThrow(RangeError)
    expect(placeOfTag('000')).toBeUndefined()
  })
})

describe('wrong options are refused at start, before anything is connected to', () => {
  it.each([
    ['redis.home', { regions: { eu }, home: 'asia' }],
    ['redis.regions', { regions: { 'e u': eu }, home: 'e u' }],
    ['redis.regions.us.number', { regions: { eu, us: { ...us, number: 0 } }, home: 'eu' }],
    ['redis.regions.us.number', { regions: { eu, us: { ...us, number: 8 } }, home: 'eu' }],
    ['redis.regions.us.number', { regions: { eu, us: { redis: us.redis } }, home: 'eu' }],
    ['redis.regions.us.url', { regions: { eu, us: { ...us, url: 'x' } }, home: 'eu' }],
    ['redis.regions.eu.redis', { regions: { eu: { number: 0 }, us }, home: 'eu' }],
    ['redis.draining', { regions: { eu, us }, home: 'eu', draining: ['asia'] }],
    ['redis.draining', { regions: { eu, us }, home: 'eu', draining: ['eu', 'us'] }],
    ['redis.draining', { regions: { eu, us }, home: 'eu', draining: 'us' }],
    ['redis', { regions: { eu, us: { ...us, redis: 'http://x' } }, home: 'eu' }],
    ['redis.where', { regions: { eu }, home: 'eu', where: 'x' }],
    ['redis.regions', { regions: 7, home: 'eu' }],
  ])('%s', (option, redis) => {
    expect(() => createSessions({ redis: redis as never, secrets: [SECRET] })).toThrow(OptionError)
    expect(() => createSessions({ redis: redis as never, secrets: [SECRET] })).toThrow(
      `option \`${option}\``,
    )
  })

  it('region, where there are none', () => {
    expect(() => createSessions({ region: () => 'eu' })).toThrow('option `region`: needs redis')
    expect(() => createSessions({ region: 'eu' as never })).toThrow('option `region`: takes a fun')
  })
})
