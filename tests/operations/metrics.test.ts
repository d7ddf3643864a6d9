import { readFileSync } from 'node:fs'
import { context, type Span, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Sessions } from '../../src/core/sessions.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { METRICS } from '../../src/operations/metrics/catalogue.ts'
import { DEPLOYMENT_METRICS } from '../../src/operations/metrics/deployment-metrics.ts'
import {
  deploymentMetrics,
  openTelemetry,
  type SessionMetrics,
  sessionMetrics,
} from '../../src/operations/metrics/index.ts'
import { prometheusLabel, prometheusName } from '../../src/operations/metrics/prometheus.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { SECRET, signIn } from '../support/requests.ts'
import { until } from '../support/until.ts'

interface Data {
  n: number
}

let server: RedisServer
let sessions: Sessions<Data>

beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

beforeEach(async () => {
  sessions = createSessions<Data>({ redis: server.url, secrets: [SECRET] })
  await sessions.ready()
})
afterEach(() => sessions.close())

/** A visitor comes, signs in, is read by their cookie, and leaves. */
async function visit(): Promise<void> {
  const session = await sessions.open()
  session.set('n', 1)
  await session.commit()
  await session.login('ada', { keep: ['n'] })
  const { token } = session
  await sessions.open(token)
  await sessions.open(token, { fresh: true })
  await session.logout()
  await sessions.open(token)
  await sessions.open('not-a-token')
}

/** Of one series, by the start of its line. */
const valueOf = (text: string, series: string): number | undefined => {
  const found = text.split('\n').find((line) => line.startsWith(`${series} `))
  return found === undefined ? undefined : Number(found.slice(series.length + 1))
}

describe('Prometheus', () => {
  let metrics: SessionMetrics
  beforeEach(() => {
    metrics = sessionMetrics({ sessions, labels: { service: 'shop' } })
  })
  afterEach(() => metrics.close())

  it('counts what happens, and how long the store takes', async () => {
    await visit()
    const text = metrics.text()
    expect(valueOf(text, 'sojourn_session_created_total{service="shop",method="anonymous"}')).toBe(
      1,
    )
    expect(valueOf(text, 'sojourn_session_created_total{service="shop",method="login"}')).toBe(1)
    expect(valueOf(text, 'sojourn_session_ended_total{service="shop",reason="logout"}')).toBe(1)
    const creates =
      'sojourn_operation_duration_seconds_count{service="shop",operation="create",outcome="ok"}'
    // The session of nobody, and that of the login.
    expect(valueOf(text, creates)).toBe(2)
    const load =
      'sojourn_operation_duration_seconds_count{service="shop",operation="load",outcome="ok"}'
    expect(valueOf(text, load)).toBeGreaterThan(0)
    expect(
      valueOf(text, 'sojourn_cache_requests_total{service="shop",result="hit"}'),
    ).toBeGreaterThan(0)
    expect(valueOf(text, 'sojourn_cache_on{service="shop"}')).toBe(1)
    expect(metrics.contentType).toContain('version=0.0.4')
    expect(text).not.toMatch(/ada|not-a-token/)
  })

  it('S05 counts refused cookies by reason, over-long ones too, without a command', async () => {
    const token = (await sessions.open(await signIn(sessions, { n: 1 }))).token ?? ''
    const { token: ended } = await sessions.open(await signIn(sessions, { n: 1 }))
    await (await sessions.open(ended)).logout()
    await server.cli('CONFIG', 'RESETSTAT')
    const other = token.endsWith('A') ? 'B' : 'A'
    const MANY = 100_000
    const NAME = '__Host-session='
    for (const [cookie, count, reason] of [
      [NAME + token.slice(0, -1) + other, 1, 'forged'],
      [NAME + token.slice(0, -1), 1, 'malformed'],
      [NAME + token.repeat(MANY), 1, 'malformed'],
      [NAME, 1, 'malformed'],
      // No more of them are looked at.
      [Array.from({ length: MANY }, (_, i) => `${NAME}${i}`).join('; '), 8, 'malformed'],
      [Array.from({ length: MANY }, () => `${NAME}x`).join('; '), 1, 'malformed'],
      [
        Array.from({ length: MANY }, (_, i) => NAME + `${i}`.padStart(48, 'A')).join('; '),
        8,
        'forged',
      ],
    ] as const) {
      const before = { forged: rejections('forged'), malformed: rejections('malformed') }
      const began = performance.now()
      const exchange = sessions.exchange(
        {},
        { secure: true, host: 'example.org', proxied: false, cookie },
      )
      // Some megabytes are gone through once.
      expect(performance.now() - began).toBeLessThan(500)
      expect(exchange).not.toBeInstanceOf(Promise)
      const expected = { ...before, [reason]: before[reason] + count }
      expect({ forged: rejections('forged'), malformed: rejections('malformed') }).toEqual(expected)
    }
    expect(await server.cli('INFO', 'commandstats')).not.toMatch(/cmdstat_(?:get|eval)/)
    await sessions.open(ended)
    await sessions.open('not-a-token')
    expect(rejections('absent')).toBe(1)
    expect(rejections('malformed')).toBe(13)
    expect(metrics.text()).not.toContain(token)
  })

  const rejections = (reason: string): number =>
    valueOf(metrics.text(), `sojourn_session_rejected_total{service="shop",reason="${reason}"}`) ??
    0

  it('has every metric by the rules: HELP, TYPE, buckets that add up', async () => {
    await visit()
    const text = metrics.text()
    for (const metric of Object.values(METRICS)) {
      expect(text).toContain(`# HELP ${prometheusName(metric)} `)
      expect(text).toContain(`# TYPE ${prometheusName(metric)} ${metric.kind}\n`)
      expect(prometheusName(metric).endsWith('_total')).toBe(metric.kind === 'counter')
    }
    expect(text.endsWith('\n')).toBe(true)
    const buckets = [
      ...text.matchAll(
        /_bucket\{service="shop",operation="load",outcome="ok",le="([^"]+)"\} (\d+)/g,
      ),
    ]
    const counts = buckets.map(([, , count]) => Number(count))
    expect(buckets.at(-1)?.[1]).toBe('+Inf')
    expect(counts).toEqual(counts.toSorted((one, other) => one - other))
    expect(counts.at(-1)).toBe(
      valueOf(
        text,
        'sojourn_operation_duration_seconds_count{service="shop",operation="load",outcome="ok"}',
      ),
    )
  })

  it('tells what the store refuses, and that it does not answer', async () => {
    const session = await sessions.open()
    session.set('n', 1)
    await session.commit()
    await server.cli('CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction')
    session.set('n', 2)
    await expect(session.commit()).rejects.toThrow('OOM')
    await server.cli('CONFIG', 'SET', 'maxmemory', '0')
    server.pause()
    await expect(sessions.open(session.token, { fresh: true })).rejects.toThrow('did not answer')
    server.resume()
    const text = metrics.text()
    expect(
      valueOf(
        text,
        'sojourn_operation_duration_seconds_count{service="shop",operation="commit",outcome="refused",error_type="OOM"}',
      ),
    ).toBe(1)
    expect(
      valueOf(
        text,
        'sojourn_operation_duration_seconds_count{service="shop",operation="load",outcome="unavailable",error_type="ERR_SOJOURN_STORE_UNAVAILABLE"}',
      ),
    ).toBe(1)
  })

  it('tells how large sessions are, how old the near cache, and how the connections are', async () => {
    const session = await sessions.open()
    session.set('n', 1)
    await session.commit()
    await until(async () => sessions.stats().nearCache.age !== undefined)
    const text = metrics.text()
    expect(valueOf(text, 'sojourn_session_payload_size_bytes_count{service="shop"}')).toBe(1)
    expect(
      valueOf(text, 'sojourn_session_payload_size_bytes_bucket{service="shop",le="128"}'),
    ).toBe(1)
    expect(valueOf(text, 'sojourn_session_payload_size_bytes_sum{service="shop"}')).toBeLessThan(
      128,
    )
    expect(valueOf(text, 'sojourn_cache_age_seconds{service="shop"}')).toBeLessThan(1)
    const states = (of: string) =>
      ['connected', 'connecting', 'broken'].map((state) =>
        valueOf(of, `sojourn_store_connections{service="shop",state="${state}"}`),
      )
    expect(states(text)).toEqual([1, 0, 0])
    expect(sessions.stats().connections).toEqual({ servers: 1, connected: 1, broken: 0 })
    await server.kill()
    // The first waits for its deadline in vain; from then on nobody does.
    await expect(session.refresh()).rejects.toThrow('could not be reached')
    expect(states(metrics.text())).toEqual([0, 0, 1])
    await server.restart()
    await until(async () => sessions.stats().connections?.connected === 1)
    expect(states(metrics.text())).toEqual([1, 0, 0])
  })

  it('tells how late expired sessions are found', async () => {
    const reliable = createSessions<Data>({
      ...{ redis: server.url, prefix: 'lag', secrets: [SECRET], expiry: 'reliable' },
      ...{ idleTimeout: '1s' },
    })
    try {
      let told = 0
      reliable.on('expired', () => told++)
      const session = await reliable.open()
      session.set('n', 1)
      await session.commit()
      await until(async () => told === 1)
      const text = metrics.text()
      expect(valueOf(text, 'sojourn_event_lag_seconds_count{service="shop"}')).toBe(1)
      const sum = valueOf(text, 'sojourn_event_lag_seconds_sum{service="shop"}')
      expect(sum).toBeGreaterThan(0)
      // Another look comes within 3 seconds.
      expect(sum).toBeLessThan(5)
    } finally {
      await reliable.close()
    }
  })

  it('tells how long sessions lived, by how they ended', async () => {
    let now = Date.now()
    const clock = { now: () => now, monotonic: () => now }
    const here = createSessions<Data>({ secrets: [SECRET], clock, idleTimeout: '2h' })
    try {
      const signIn = async () => {
        const session = await here.open()
        await session.login('ada')
        return session
      }
      const [first, second, third] = [await signIn(), await signIn(), await signIn()]
      now += 600_000
      await first.logout()
      now += 3_000_000
      await here.revoke(second.id ?? '')
      // Of those that end in one step it is not known.
      await here.of('ada').revokeAll()
      expect(await here.revoke(third.id ?? '')).toBe(false)
    } finally {
      await here.close()
    }
    const lifetime = (what: string, reason: string) =>
      valueOf(
        metrics.text(),
        `sojourn_session_lifetime_seconds_${what}{service="shop",reason="${reason}"}`,
      )
    expect([lifetime('count', 'logout'), lifetime('sum', 'logout')]).toEqual([1, 600])
    expect([lifetime('count', 'revoked'), lifetime('sum', 'revoked')]).toEqual([1, 3_600])
  })

  it('tells of expired sessions how long they lived, where it is known whose they were', async () => {
    const reliable = createSessions<Data>({
      ...{ redis: server.url, prefix: 'lived', secrets: [SECRET], expiry: 'reliable' },
      ...{ idleTimeout: '1s' },
    })
    try {
      let told = 0
      reliable.on('expired', () => told++)
      for (const principal of ['ada', undefined]) {
        const session = await reliable.open()
        session.set('n', 1)
        await (principal === undefined ? session.commit() : session.login(principal))
      }
      await until(async () => told === 2)
    } finally {
      await reliable.close()
    }
    const count = 'sojourn_session_lifetime_seconds_count{service="shop",reason="expired"}'
    expect(valueOf(metrics.text(), count)).toBe(1)
  })

  it('tells what was said of the tokens that came, and by whom', async () => {
    const session = await sessions.open()
    session.set('n', 1)
    await session.commit()
    const { token } = session
    await sessions.open(token)
    await sessions.open(token, { fresh: true })
    await sessions.open('not-a-token')
    await session.logout()
    await sessions.open(token)
    await sessions.exchange(
      {},
      {
        ...{ cookie: '__Host-session=not-a-token', secure: true, host: undefined, proxied: false },
      },
    )
    server.pause()
    await expect(sessions.open(token, { fresh: true })).rejects.toThrow('did not answer')
    server.resume()
    const said = (outcome: string, source: string) =>
      valueOf(
        metrics.text(),
        `sojourn_validation_count_total{service="shop",outcome="${outcome}",source="${source}"}`,
      )
    expect(said('accepted', 'near')).toBe(1)
    expect(said('accepted', 'store')).toBe(1)
    expect(said('rejected', 'store')).toBe(1)
    expect(said('rejected', 'keyring')).toBe(2)
    expect(said('unknown', 'store')).toBe(1)
  })

  it('tells what was sent once more, and why', async () => {
    const session = await sessions.open()
    session.set('n', 1)
    await session.commit()
    await server.cli('SCRIPT', 'FLUSH')
    session.set('n', 2)
    await session.commit()
    const retries = (reason: string) =>
      valueOf(metrics.text(), `sojourn_store_retries_total{service="shop",reason="${reason}"}`)
    expect(retries('script')).toBe(1)
    server.pause()
    const read = sessions.open(session.token, { fresh: true })
    await server.kill()
    await server.restart()
    await read.catch(() => undefined)
    expect(retries('connection')).toBe(1)
  })

  it('gives the same into a registry of prom-client', async () => {
    const registry = new Registry()
    metrics.register(registry)
    await visit()
    const values = (text: string) =>
      text
        .split('\n')
        .filter((line) => !line.startsWith('#') && line !== '')
        // It grows from one text to the next.
        .map((line) => sorted(line.replace(/^(sojourn_cache_age.*) .*/, '$1')))
    const own = values(metrics.text())
    expect(own.join('\n')).toContain('sojourn_cache_age_seconds')
    expect(new Set(values(await registry.metrics()))).toEqual(new Set(own))
  })

  it('counts nothing before it is made, nor after it is closed', async () => {
    metrics.close()
    await visit()
    expect(
      valueOf(metrics.text(), 'sojourn_session_created_total{service="shop",method="login"}'),
    ).toBeUndefined()
  })

  it('refuses labels that the metrics have themselves, and what is no sessions', () => {
    expect(() => sessionMetrics({ labels: { operation: 'x' } })).toThrow('labels.operation')
    expect(() => sessionMetrics({ labels: { 'a-b': 'x' } })).toThrow('labels.a-b')
    expect(() => sessionMetrics({ sessions: {} as never })).toThrow('sessions')
  })
})

describe('of the whole deployment', () => {
  it('tells of all sessions, of the servers, and what doctor finds', async () => {
    const own = await startRedis()
    const there = createSessions<Data>({ redis: own.url, secrets: [SECRET] })
    const metrics = deploymentMetrics({ redis: own.url, labels: { env: 'test' } })
    try {
      for (let i = 0; i < 30; i++) {
        const session = await there.open()
        session.set('n', i)
        if (i % 3 === 0) await session.login(`user ${i}`, { keep: ['n'] })
        else await session.commit()
      }
      const text = await metrics.text()
      expect(valueOf(text, 'sojourn_deployment_up{env="test"}')).toBe(1)
      expect(valueOf(text, 'sojourn_session_active{env="test"}')).toBe(30)
      expect(valueOf(text, 'sojourn_session_signed_in{env="test"}')).toBe(10)
      expect(valueOf(text, 'sojourn_session_average_size_bytes{env="test"}')).toBeGreaterThan(50)
      const servers = 'sojourn_deployment_servers{env="test",role="primary",state="up"}'
      expect(valueOf(text, servers)).toBe(1)
      const evicted = `sojourn_deployment_evicted_keys_total{env="test",server="${own.socketPath}"}`
      expect(valueOf(text, evicted)).toBe(0)
      // It has begun to look; what it finds comes with a later text.
      const found = 'sojourn_doctor_findings{env="test",rule="mem.limit",severity="error"}'
      expect(valueOf(text, found)).toBeUndefined()
      await until(async () => valueOf(await metrics.text(), found) === 1)
      await own.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random', 'maxmemory', '1')
      await own.cli('GET', 'x')
      const dropped = async () =>
        Number(/evicted_keys:(\d+)/.exec(await own.cli('INFO', 'stats'))?.[1])
      await until(async () => (await dropped()) > 30)
      await until(async () => Number(valueOf(await metrics.text(), evicted)) > 30)
      await own.kill()
      await until(
        async () => valueOf(await metrics.text(), 'sojourn_deployment_up{env="test"}') === 0,
      )
      expect(valueOf(await metrics.text(), 'sojourn_session_active{env="test"}')).toBeUndefined()
    } finally {
      await metrics.close()
      await there.close()
      await own.stop()
    }
  })

  it('has a history of what doctor saw before: memory that fills up is told of', async () => {
    const own = await startRedis({ args: ['--maxmemory', '100mb'] })
    const metrics = deploymentMetrics({ redis: own.url, doctor: '1m' })
    const found = async (rule: string, severity: string) =>
      valueOf(
        await metrics.text(),
        `sojourn_doctor_findings{rule="${rule}",severity="${severity}"}`,
      ) === 1
    try {
      await until(() => found('persist.any', 'warn'))
      const text = `for i = 1, 3000 do redis.call('SET', 'x' .. i, string.rep('x', 9900)) end`
      await own.cli('EVAL', text, '0')
      // Twenty minutes later.
      const [time, monotonic] = [Date.now.bind(Date), performance.now.bind(performance)]
      vi.spyOn(Date, 'now').mockImplementation(() => time() + 1_200_000)
      vi.spyOn(performance, 'now').mockImplementation(() => monotonic() + 1_200_000)
      await until(() => found('mem.used', 'error'))
      expect(await found('mem.used', 'warn')).toBe(false)
    } finally {
      vi.restoreAllMocks()
      await metrics.close()
      await own.stop()
    }
  })

  it('gives all who ask at once what the first look sees', async () => {
    const metrics = deploymentMetrics({ redis: server.url, doctor: false })
    try {
      const texts = await Promise.all([metrics.text(), metrics.text(), metrics.text()])
      expect(texts.map((text) => valueOf(text, 'sojourn_deployment_up'))).toEqual([1, 1, 1])
    } finally {
      await metrics.close()
    }
  })

  it('is closed at once, also while doctor looks', async () => {
    const own = await startRedis()
    const metrics = deploymentMetrics({ redis: own.url })
    try {
      await metrics.text()
      const started = performance.now()
      await metrics.close()
      expect(performance.now() - started).toBeLessThan(1_000)
    } finally {
      await own.stop()
    }
  })

  it('refuses what it cannot do', () => {
    const redis = 'redis://localhost:1'
    expect(() => deploymentMetrics({ redis, doctor: '10s' })).toThrow('a minute or more')
    expect(() => deploymentMetrics({ redis, labels: { rule: 'x' } })).toThrow('labels.rule')
    expect(() => deploymentMetrics({ redis, every: 1 } as never)).toThrow('every')
  })
})

/** Labels come in another order there. */
const sorted = (line: string): string =>
  line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').toSorted().join(',')}}`)

describe('the dashboard and the alerts', () => {
  const file = (name: string) =>
    readFileSync(new URL(`../../dashboards/${name}`, import.meta.url), 'utf8')
  const all = [...Object.values(METRICS), ...Object.values(DEPLOYMENT_METRICS)]
  const known = new Set(
    all.flatMap((metric) => {
      const name = prometheusName(metric)
      return metric.kind === 'histogram'
        ? [`${name}_bucket`, `${name}_count`, `${name}_sum`]
        : [name]
    }),
  )
  const labels = new Map(
    all.map((metric) => [prometheusName(metric), metric.labels.map(prometheusLabel)]),
  )
  const doc = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const namesIn = (text: string) => [...text.matchAll(/sojourn_[a-z_]+/g)].map(([name]) => name)

  it('ask for metrics that there are, and the dashboard for each of them', () => {
    const inDashboard = namesIn(file('grafana.json'))
    expect(inDashboard.filter((name) => !known.has(name))).toEqual([])
    expect(namesIn(file('alerts.yml')).filter((name) => !known.has(name))).toEqual([])
    const asked = new Set(inDashboard.map((name) => name.replace(/_(?:bucket|count|sum)$/, '')))
    expect([...labels.keys()].filter((name) => !asked.has(name))).toEqual([])
  })

  const metricOf = (name: string) =>
    labels.has(name) ? name : name.replace(/_(?:bucket|count|sum)$/, '')

  /** The values that docs/metrics.md names for a label, if it names any. */
  const documented = (metric: string, label: string): string[] | undefined => {
    const row = doc.split('\n').find((line) => line.includes(`| \`${metric}\` |`))
    const values = new RegExp(`\`${label.replace('_', '.')}\` \\(([^)]*)\\)`).exec(row ?? '')?.[1]
    const all = [...(values ?? '').matchAll(/`([\w-]+)`/g)].map(([, value = '']) => value)
    return all.length === 0 || values?.includes('…') ? undefined : all
  }

  /** What is wrong with an expression, and with the labels that are shown of it. */
  function wrongIn(expr: string, shown: string): string[] {
    const wrong: string[] = []
    const own = new Set<string>()
    for (const [, name = '', matchers = ''] of expr.matchAll(
      /(sojourn_[a-z_]+)(?:\{([^}]*)\})?/g,
    )) {
      const metric = metricOf(name)
      const has = new Set(labels.get(metric) ?? [])
      if (name.endsWith('_bucket')) has.add('le')
      for (const label of has) own.add(label)
      for (const [, label = '', operator = '', value = ''] of matchers.matchAll(
        /(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g,
      )) {
        if (!has.has(label)) wrong.push(`${name} has no ${label}`)
        const values = documented(metric, label)
        for (const each of operator.endsWith('~') ? value.split('|') : [value]) {
          if (values !== undefined && !values.includes(each))
            wrong.push(`${name}: ${label} is never ${each}`)
        }
      }
    }
    const grouped = [...expr.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)].map(
      ([, list = '']) => list.split(',').map((label) => label.trim()),
    )
    for (const label of grouped.flat()) if (!own.has(label)) wrong.push(`nothing has ${label}`)
    const left = /\bby\s*\(/.test(expr)
      ? new Set(grouped.flat())
      : new Set(/\b(?:sum|min|max|count)\b/.test(expr) ? [] : own)
    for (const [, label = ''] of shown.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)) {
      if (!left.has(label)) wrong.push(`${label} is not left to be shown`)
    }
    return wrong
  }

  it('by labels that these have, with values that there are', () => {
    const { panels } = JSON.parse(file('grafana.json')) as {
      panels: { targets: { expr: string; legendFormat: string }[] }[]
    }
    const targets = panels.flatMap((panel) => panel.targets)
    expect(targets.length).toBeGreaterThan(15)
    for (const { expr, legendFormat } of targets) expect(wrongIn(expr, legendFormat)).toEqual([])
    const alerts = file('alerts.yml').split('- alert:').slice(1)
    expect(alerts.length).toBeGreaterThan(10)
    for (const alert of alerts) {
      const [, expr = ''] = /expr: (.*)/.exec(alert) ?? []
      expect(namesIn(expr).length).toBeGreaterThan(0)
      expect(wrongIn(expr, alert.replace(/expr: .*/, ''))).toEqual([])
    }
  })

  it('and what asks for others is found', () => {
    const duration = 'sojourn_operation_duration_seconds_count'
    expect(wrongIn(`${duration}{outcome="ok", opration="load"}`, '')).toHaveLength(1)
    expect(wrongIn(`${duration}{outcome="unavailabel"}`, '')).toHaveLength(1)
    expect(wrongIn(`sum by (reason) (rate(${duration}[5m]))`, '{{reason}}')).toHaveLength(1)
    expect(
      wrongIn(`sum by (operation) (rate(${duration}[5m]))`, '{{ $labels.outcome }}'),
    ).toHaveLength(1)
    expect(wrongIn('sum(sojourn_session_ended_total{reason=~"logout|evictd"})', '')).toHaveLength(1)
  })

  it('the labels are those that are exposed', async () => {
    const metrics = sessionMetrics({ sessions })
    await visit()
    const exposed = new Map<string, Set<string>>()
    for (const [, name = '', list = ''] of metrics
      .text()
      .matchAll(/^(sojourn_[a-z_]+)\{(.*)\} /gm)) {
      const metric = metricOf(name)
      const seen = exposed.get(metric) ?? new Set()
      exposed.set(metric, seen)
      for (const [, label = ''] of list.matchAll(/(\w+)="/g)) if (label !== 'le') seen.add(label)
    }
    metrics.close()
    expect(exposed.size).toBeGreaterThan(6)
    for (const [metric, seen] of exposed) {
      expect([...seen].filter((label) => !labels.get(metric)?.includes(label))).toEqual([])
    }
  })

  it('and the documentation names every metric with its labels', () => {
    for (const metric of all) {
      const line =
        doc.split('\n').find((row) => row.includes(`\`${prometheusName(metric)}\``)) ?? ''
      for (const label of metric.labels) expect(line).toContain(`\`${label}\``)
      expect(line).not.toBe('')
    }
  })
})

describe('OpenTelemetry', () => {
  it('has the same figures', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
    const provider = new MeterProvider({ readers: [reader] })
    const end = openTelemetry({ meter: provider.getMeter('sojourn'), sessions })
    await visit()
    await provider.forceFlush()
    end()
    const [scope] = exporter.getMetrics().at(-1)?.scopeMetrics ?? []
    const of = (name: string) => scope?.metrics.find(({ descriptor }) => descriptor.name === name)
    expect(of('sojourn.session.ended')?.dataPoints).toMatchObject([
      { value: 1, attributes: { reason: 'logout' } },
    ])
    expect(of('sojourn.operation.duration')?.descriptor).toMatchObject({ unit: 's' })
    const hits = of('sojourn.cache.requests')?.dataPoints.find(
      ({ attributes }) => attributes['result'] === 'hit',
    )
    expect(hits?.value).toBeGreaterThan(0)
    await provider.shutdown()
  })

  it('makes a span of each command, in that of the request', async () => {
    const exporter = new InMemorySpanExporter()
    const provider = new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    })
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    const tracer = provider.getTracer('app')
    const end = openTelemetry({ tracer })
    const request: Span = tracer.startSpan('request')
    const session = await sessions.open()
    session.set('n', 1)
    await context.with(trace.setSpan(context.active(), request), () => session.commit())
    request.end()
    await until(async () =>
      exporter.getFinishedSpans().some(({ name }) => name === 'sojourn create'),
    )
    end()
    const made = exporter.getFinishedSpans().find(({ name }) => name === 'sojourn create')
    expect(made?.attributes).toMatchObject({
      'db.system.name': 'redis',
      'db.operation.name': 'create',
    })
    expect(made?.parentSpanContext?.spanId).toBe(request.spanContext().spanId)
    context.disable()
    await provider.shutdown()
  })

  it('S07 neither metrics nor traces hold a token, the secret, a value or a principal, also where the store refuses', async () => {
    const spans = new InMemorySpanExporter()
    const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
    const meters = new MeterProvider({ readers: [reader] })
    const end = openTelemetry({
      ...{ tracer: tracing.getTracer('app'), meter: meters.getMeter('sojourn'), sessions },
    })
    const metrics = sessionMetrics({ sessions })
    const values = sessions as unknown as Sessions
    const tokens: string[] = []
    const session = await values.open()
    const step = async (work: Promise<unknown>): Promise<void> => {
      await work
      tokens.push(session.token as string)
    }
    session.set('canary-name', 'canary-value')
    await step(session.commit())
    await step(
      session.login('canary-principal', { keep: ['canary-name'], device: 'canary-device' }),
    )
    await step(session.rotate())
    await values.open(tokens[1])
    await values.open(`${tokens[0]?.slice(0, -1)}_`)
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    session.set('canary-name', 'canary-other')
    await expect(session.commit()).rejects.toThrow(/./)
    await server.cli('CONFIG', 'SET', 'maxmemory', '0')
    await session.logout()
    await meters.forceFlush()
    const told = [
      metrics.text(),
      JSON.stringify(exporter.getMetrics()),
      ...spans
        .getFinishedSpans()
        .map(({ name, attributes, events, status, links }) =>
          JSON.stringify({ name, attributes, events, status, links }),
        ),
    ].join('\n')
    end()
    metrics.close()
    // The search looks where something is: failures too.
    expect(told).toContain('sojourn rotate')
    expect(told).toContain('outcome="refused"')
    expect(new Set(tokens).size).toBe(3)
    for (const token of tokens) {
      const random = Buffer.from(token, 'base64url').subarray(3, 27)
      for (const form of [token, random.toString('base64url'), random.toString('hex')]) {
        expect(told).not.toContain(form)
      }
    }
    expect(told).not.toContain(SECRET)
    expect(told).not.toContain('canary')
    await Promise.all([tracing.shutdown(), meters.shutdown()])
  })

  it('needs a meter or a tracer', () => {
    expect(() => openTelemetry({})).toThrow('meter')
  })
})
