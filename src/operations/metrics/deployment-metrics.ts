import { type Duration, parseDuration } from '../../core/duration.ts'
import { isSojournError, OptionError } from '../../core/errors.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import type { RedisSource } from '../../engines/redis/options.ts'
import { type Examination, examine } from '../doctor/examine.ts'
import type { GatherOptions } from '../doctor/facts.ts'
import { MemoryHistory } from '../doctor/history.ts'
import { Observer } from '../observe/observer.ts'
import type { Snapshot } from '../observe/snapshot.ts'
import type { Metric } from './catalogue.ts'
import type { Series } from './meter.ts'
import { CONTENT_TYPE, checkLabels, exposed } from './prometheus.ts'

export interface DeploymentMetricsOptions {
  /** As for `createSessions`. */
  readonly redis: RedisSource
  /** Default `sj`. */
  readonly prefix?: string
  /** With each series. */
  readonly labels?: Readonly<Record<string, string>>
  /** How often doctor looks, at least a minute; false: never. Default 10 minutes. */
  readonly doctor?: Duration | false
  /** As for `sojourn doctor`. */
  readonly expiry?: GatherOptions['expiry']
  readonly durable?: boolean
  /** The applications' user of Redis, whose rights doctor looks at. Default: the one of `redis`. */
  readonly user?: string
}

/** Figures of the servers and all their sessions. Every process would tell the same: one is enough. */
export interface DeploymentMetrics {
  readonly contentType: string
  /**
   * Prometheus' text format. Where the servers do not answer `sojourn_deployment_up` is 0, and figures that are not
   * known are left out.
   */
  text(): Promise<string>
  close(): Promise<void>
}

type DeploymentMetricId =
  | 'up'
  | 'active'
  | 'signedIn'
  | 'size'
  | 'servers'
  | 'evicted'
  | 'nodes'
  | 'findings'

const gauge = (name: string, help: string, labels: readonly string[] = []): Metric => ({
  ...{ name, help, labels },
  ...{ kind: 'gauge', unit: name.endsWith('.size') ? 'By' : '1' },
})

export const DEPLOYMENT_METRICS: Readonly<Record<DeploymentMetricId, Metric>> = {
  up: gauge('sojourn.deployment.up', '1 where a server with sessions answers.'),
  active: gauge('sojourn.session.active', 'Live sessions, estimated from a sample of keys.'),
  signedIn: gauge('sojourn.session.signed_in', 'Those of them that are of users, estimated.'),
  size: gauge('sojourn.session.average.size', 'What one takes as stored, by the sample.'),
  servers: gauge('sojourn.deployment.servers', 'Servers, by role and whether they answer.', [
    ...['role', 'state'],
  ]),
  evicted: {
    name: 'sojourn.deployment.evicted_keys',
    kind: 'counter',
    unit: '1',
    help: 'Keys that servers have dropped because their memory was full, by server.',
    labels: ['server'],
  },
  nodes: gauge('sojourn.deployment.nodes', 'Processes of applications that report.'),
  findings: gauge('sojourn.doctor.findings', 'What doctor has found last.', ['rule', 'severity']),
}

/** Between two looks, milliseconds. */
const EVERY = 5_000
const COMMAND_TIMEOUT = 5_000
const DOCTOR_WINDOW = 2_000
const LEAST_DOCTOR = 60_000
/** After one that has failed, milliseconds. */
const AGAIN = 15_000
/** When nobody has asked for so long it looks no more until somebody does. Milliseconds. */
const UNASKED = 120_000

/** @throws OptionError */
export function deploymentMetrics(options: DeploymentMetricsOptions): DeploymentMetrics {
  return new Deployment(options)
}

class Deployment implements DeploymentMetrics {
  readonly contentType: string = CONTENT_TYPE
  readonly #options: DeploymentMetricsOptions
  readonly #doctorEvery: number
  readonly #observer: Observer
  readonly #history = new MemoryHistory()
  #ignore: (() => void) | undefined
  #firstLook: Promise<void> | undefined
  #unasked: NodeJS.Timeout | undefined
  #isUp = false
  #examination: Examination | undefined
  #examinedAt = Number.NEGATIVE_INFINITY
  #examining: Promise<void> | undefined
  readonly #closed = new AbortController()

  constructor(options: DeploymentMetricsOptions) {
    refuseUnknown(options, ['redis', 'prefix', 'labels', 'doctor', 'expiry', 'durable', 'user'])
    const { redis, prefix = 'sj', doctor = '10m', labels = {}, user } = options
    if (user !== undefined && (typeof user !== 'string' || user === ''))
      throw new OptionError('user', 'takes the name of a user of Redis')
    checkLabels(labels, Object.values(DEPLOYMENT_METRICS))
    this.#doctorEvery =
      doctor === false ? Number.POSITIVE_INFINITY : parseDuration('doctor', doctor)
    if (this.#doctorEvery < LEAST_DOCTOR) throw new OptionError('doctor', 'takes a minute or more')
    this.#options = options
    this.#observer = new Observer({
      ...{ redis, prefix, interval: EVERY, commandTimeout: COMMAND_TIMEOUT },
    })
  }

  async text(): Promise<string> {
    clearTimeout(this.#unasked)
    this.#unasked = setTimeout(() => this.#rest(), UNASKED).unref()
    await this.#look()
    const now = performance.now()
    if (now - this.#examinedAt >= this.#doctorEvery) this.#examine(now)
    const series = this.#isUp ? seriesOf(this.#observer.last) : {}
    const all = { ...series, up: one(this.#isUp ? 1 : 0), findings: findingsOf(this.#examination) }
    const { labels = {} } = this.#options
    const ids = Object.keys(DEPLOYMENT_METRICS) as DeploymentMetricId[]
    const lines = ids.map((id) => exposed(DEPLOYMENT_METRICS[id], all[id] ?? [], labels))
    return `${lines.join('\n')}\n`
  }

  async close(): Promise<void> {
    clearTimeout(this.#unasked)
    this.#rest()
    this.#closed.abort()
    await this.#examining
    await this.#observer.close()
  }

  /** The first time it waits for a look, and so do all who ask meanwhile; from then on there is one. */
  #look(): Promise<void> {
    this.#firstLook ??= new Promise<void>((resolve) => {
      const ignore = this.#observer.watch({
        seen: () => {
          this.#isUp = true
          resolve()
        },
        failed: () => {
          this.#isUp = false
          resolve()
        },
      })
      this.#ignore = () => {
        ignore()
        resolve()
      }
    })
    return this.#firstLook
  }

  #rest(): void {
    this.#ignore?.()
    this.#ignore = undefined
    this.#firstLook = undefined
  }

  /** Takes its window of seconds: the next text has what it finds. */
  #examine(now: number): void {
    const { redis, prefix = 'sj', expiry = 'off', durable = false, user } = this.#options
    this.#examinedAt = now
    this.#examining = examine(redis, {
      ...{ prefix, expiry, durable, user, window: DOCTOR_WINDOW, commandTimeout: COMMAND_TIMEOUT },
      history: this.#history,
      signal: this.#closed.signal,
    }).then(
      (examination) => {
        this.#examination = examination
      },
      (error: unknown) => {
        if (!isSojournError(error)) throw error
        // What was found before may not be so any more.
        this.#examination = undefined
        this.#examinedAt += AGAIN - this.#doctorEvery
      },
    )
  }
}

const one = (value: number | undefined): Series<number>[] =>
  value === undefined ? [] : [{ labels: [], value }]

type AllSeries = Partial<Record<DeploymentMetricId, readonly Series<number>[]>>

function seriesOf(snapshot: Snapshot | undefined): AllSeries {
  if (snapshot === undefined) return {}
  const { sessions, servers, nodes, reports } = snapshot
  const { active, signedInShare, averageBytes } = sessions
  const isKnown = active !== undefined && signedInShare !== undefined
  return {
    active: one(active),
    signedIn: one(isKnown ? Math.round(active * signedInShare) : undefined),
    size: one(averageBytes),
    servers: counted(
      servers.map(({ role, problem }) => [role, problem === undefined ? 'up' : 'away']),
    ),
    evicted: servers.flatMap(({ name, evictedKeys }) =>
      evictedKeys === undefined ? [] : [{ labels: [name], value: evictedKeys }],
    ),
    nodes: one(reports === 'heard' ? nodes.length : undefined),
  }
}

function findingsOf(examination: Examination | undefined): Series<number>[] {
  const found = examination?.results ?? []
  return counted(
    found.flatMap(({ id, findings }) => findings.map(({ severity }) => [id, severity])),
  )
}

function counted(all: readonly (readonly string[])[]): Series<number>[] {
  const counts = new Map<string, { labels: readonly string[]; value: number }>()
  for (const labels of all) {
    const known = counts.get(labels.join('\n'))
    if (known === undefined) counts.set(labels.join('\n'), { labels, value: 1 })
    else known.value++
  }
  return [...counts.values()]
}
