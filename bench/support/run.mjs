// What every benchmark's program does first and last.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { installPackages } from './install.mjs'
import { redisCommand, startRedis } from './redis.mjs'

/**
 * Reads the arguments, checks that all is there, and keeps account of what has to be ended: on every
 * way out of this process, and after `longest` milliseconds.
 * @returns `values`, `quick`, `startRedis()`, `ends(stop)`, `report(object)`, `say(text)`, `fail(text)`
 */
export function prepare(name, { options = {}, longest }) {
  const started = performance.now()
  const fail = (text) => {
    console.error(`${name}: ${text}`)
    process.exit(1)
  }
  const values = readArguments(options, fail)
  if (!existsSync(new URL('../../dist/index.js', import.meta.url))) {
    fail(`Sojourn is not built: use \`npm run ${name}\`, which builds it`)
  }
  const server = redisCommand()
  if (server === undefined) {
    fail('needs redis-server or valkey-server, or its path in SOJOURN_REDIS_SERVER')
  }
  if (!installPackages()) fail('`npm ci` in bench/ failed, see above')

  const stops = []
  process.once('exit', () => {
    for (const stop of stops) stop()
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => fail('stopped'))
  setTimeout(() => fail(`not done after ${longest / 1000} s`), longest).unref()
  return {
    values,
    quick: values.quick === true,
    fail,
    say: (text) => console.error(`${name}: ${text}`),
    ends: (stop) => stops.push(stop),
    /** @param options `port`: of loopback, for clients that take no unix socket */
    async startRedis(options) {
      const { createClient } = await import('redis')
      const redis = await startRedis(server, createClient, options)
      stops.push(redis.stop)
      return redis
    },
    report(result) {
      const ms = Math.round(performance.now() - started)
      const whole = { kind: name, node: process.versions.node, durationMs: ms, ...result }
      if (values.json !== undefined) {
        writeFileSync(values.json, `${JSON.stringify(whole, null, 2)}\n`)
      }
      return whole
    },
  }
}

function readArguments(options, fail) {
  const known = { json: { type: 'string' }, quick: { type: 'boolean' }, ...options }
  try {
    return parseArgs({ options: known }).values
  } catch (error) {
    const usage = Object.entries(known).map(([option, { type }]) =>
      type === 'boolean' ? `[--${option}]` : `[--${option} VALUE]`,
    )
    return fail(`${error.message}\ntakes ${usage.join(' ')}`)
  }
}

/** The version of Sojourn that is measured. */
export function ownVersion() {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url))).version
}
