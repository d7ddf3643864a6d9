// One round trip after the other through Redis, and the server's own time for it.
import { randomBytes } from 'node:crypto'
import { stampOf } from '../../dist/core/engine.js'
import { checkOptions } from '../../dist/core/options.js'
import { encodeRecord } from '../../dist/core/record.js'
import { createToken } from '../../dist/core/token.js'
import { sample } from '../support/sample.mjs'
import { measureAll } from './measure.mjs'

const TTL = 1_800_000
const ABSOLUTE = 43_200_000

export async function scripts(engine, redis, secret, ms) {
  const { keyring, record: settings } = checkOptions({ secrets: [secret] }, false)
  const make = (token, ownerTag) => {
    const now = engine.now()
    const header = {
      ...{ revision: 1, createdAt: now, deadline: now + ABSOLUTE, idleTimeout: TTL, schema: 0 },
      ownerTag,
    }
    const content = { attributes: new Map(Object.entries(sample)), meta: new Map() }
    const context = { keyring, id: token.id, token }
    return encodeRecord(header, content, context, settings)
  }
  const token = createToken(keyring)
  const record = make(token)
  const stamp = stampOf(record)
  await engine.create(token.id, record, TTL)
  const newOwner = () => ({
    tag: randomBytes(16).toString('base64url'),
    descriptor: Buffer.alloc(40),
    ttl: ABSOLUTE,
  })
  const functions = {
    read: () => engine.load(token.id),
    commit: () => engine.commit(token.id, stamp, record, TTL),
    touch: () => engine.touch(token.id, stamp, TTL),
    create: () => engine.create(createToken(keyring).id, record, TTL),
    'create for a principal': () => engine.create(createToken(keyring).id, record, TTL, newOwner()),
  }
  const results = []
  for (const [name, fn] of Object.entries(functions)) {
    await redis.command('CONFIG', 'RESETSTAT')
    const [result] = await measureAll('through Redis', { [name]: fn }, ms)
    results.push({ ...result, server: await serverTime(redis, name === 'read') })
  }
  return results
}

/** Nanoseconds of the server's time a call; commands inside scripts are in their script's. */
async function serverTime(redis, isRead) {
  const stats = String(await redis.command('INFO', 'commandstats'))
  const perCall = (name) =>
    Number(new RegExp(`cmdstat_${name}:.*usec_per_call=([\\d.]+)`).exec(stats)?.[1] ?? 0) * 1_000
  return isRead && perCall('evalsha') === 0 ? perCall('get') + perCall('pttl') : perCall('evalsha')
}
