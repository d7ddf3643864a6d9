import { effect, type Signal, signal, untracked } from '@preact/signals'
import type {
  About,
  ApiProblem,
  History,
  HistoryPoint,
  LiveEvents,
  Snapshot,
} from '../../../src/operations/console/api.ts'
import { pointOf } from '../../../src/operations/console/history.ts'
import { about, asProblem, call, type Problem, signedOut } from './api.ts'
import { looked, tick as tickClock } from './clock.ts'

/** `live`: a look a second comes in; `stale`: none does; `connecting`: none has come yet. */
export type Connection = 'connecting' | 'live' | 'stale'

const LOOKS_LATE = 1_900
const BACKOFF = [500, 1_000, 2_000, 4_000, 8_000]
/** 15 minutes. */
const POINTS = 900

/** What is shown: stands still while paused. */
export const snapshot: Signal<Snapshot | undefined> = signal(undefined)
export const points: Signal<readonly HistoryPoint[]> = signal([])
export const connection: Signal<Connection> = signal('connecting')
/** Why it is stale, as told; undefined: nobody has told. */
export const trouble: Signal<ApiProblem | undefined> = signal(undefined)
export const paused: Signal<boolean> = signal(false)
/** Milliseconds since what is shown came in. */
export const age: Signal<number> = signal(0)

const listeners = new Set<(events: LiveEvents) => void>()
const wantsEvents = signal(false)

/** Tells of events as they come in while there is somebody who listens. @returns ends it */
export function onEvents(listener: (events: LiveEvents) => void): () => void {
  listeners.add(listener)
  wantsEvents.value = true
  return () => {
    listeners.delete(listener)
    wantsEvents.value = listeners.size > 0
  }
}

let source: EventSource | undefined
let retry: ReturnType<typeof setTimeout> | undefined
let failures = 0
let arrived = performance.now()
let shown = arrived
/** What has come in while paused. */
let waiting: Snapshot | undefined
let fresh: HistoryPoint[] = []

function open(): void {
  close()
  const stream = new EventSource(`api/live${wantsEvents.peek() ? '?events=1' : ''}`)
  source = stream
  stream.addEventListener('snapshot', ({ data }: MessageEvent<string>) => {
    seen(JSON.parse(data) as Snapshot)
  })
  stream.addEventListener('events', ({ data }: MessageEvent<string>) => {
    const events = JSON.parse(data) as LiveEvents
    for (const listener of listeners) listener(events)
  })
  stream.addEventListener('trouble', ({ data }: MessageEvent<string>) => {
    trouble.value = JSON.parse(data) as ApiProblem
    connection.value = 'stale'
  })
  stream.addEventListener('error', () => {
    if (source !== stream) return
    close()
    // An EventSource does not tell why: a request does.
    call<About>('about').then(
      () => again(undefined),
      (error: unknown) => again(asProblem(error)),
    )
  })
}

function close(): void {
  clearTimeout(retry)
  retry = undefined
  source?.close()
  source = undefined
}

function again(problem: Problem | undefined): void {
  if (document.hidden || signedOut.value || source) return
  if (problem !== undefined) {
    trouble.value = { code: problem.code, message: problem.message }
    connection.value = 'stale'
  }
  const wait = BACKOFF[Math.min(failures++, BACKOFF.length - 1)] as number
  clearTimeout(retry)
  retry = setTimeout(open, wait)
}

function seen(look: Snapshot): void {
  arrived = performance.now()
  failures = 0
  looked(look.at)
  trouble.value = undefined
  connection.value = 'live'
  fresh.push(pointOf(look))
  if (fresh.length > POINTS) fresh = fresh.slice(-POINTS)
  if (paused.value) waiting = look
  else show(look)
}

function show(look: Snapshot): void {
  waiting = undefined
  shown = arrived
  snapshot.value = look
  points.value = [...points.value, ...fresh].slice(-POINTS)
  fresh = []
}

export function togglePause(): void {
  paused.value = !paused.value
  if (!paused.value && waiting !== undefined) show(waiting)
}

async function start(): Promise<void> {
  try {
    const { points: earlier } = await call<History>('history')
    const first = points.value[0]?.at ?? Number.POSITIVE_INFINITY
    points.value = [...earlier.filter(({ at }) => at < first), ...points.value].slice(-POINTS)
  } catch {
    // Charts begin now then; what is wrong the stream tells as well.
  }
}

function tick(): void {
  if (document.hidden) return
  const passed = performance.now() - arrived
  age.value = Math.round((performance.now() - shown) / 500) * 500
  tickClock()
  if (connection.value === 'live' && passed > LOOKS_LATE) connection.value = 'stale'
  if (connection.value === 'connecting' && passed > 2 * LOOKS_LATE) connection.value = 'stale'
}

/** Looks while the page is seen, and not while it is hidden: nobody is to pay for a forgotten tab. */
export function watch(): void {
  setInterval(tick, 250)
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return close()
    arrived = performance.now()
    open()
  })
  addEventListener('pagehide', close)
  effect(() => {
    // Whoever has no access gets no stream; and only who reads events is sent them.
    void wantsEvents.value
    const isKnown = about.value !== undefined && signedOut.value === undefined
    untracked(() => {
      if (!isKnown) return close()
      if (!document.hidden) open()
    })
  })
  effect(() => {
    if (about.value !== undefined) void untracked(start)
  })
}

/** Whether values on the page are older than they seem. */
export const isStale = (): boolean => connection.value === 'stale'
