import type { Engine } from '../../../src/core/engine.ts'

/** An engine that counts its calls, and can be made slow, halted and broken. */
export interface WatchedEngine extends Engine {
  /** Names of the calls, in order. */
  readonly calls: string[]
  /** Milliseconds that every write takes longer. */
  delay: number
  /** What calls reject with; nothing reaches the engine then. */
  failure: Error | undefined
  /** The next write waits until `open` is called. */
  gate(): Gate
}

export interface Gate {
  /** Resolves when a write has come to the gate. */
  readonly reached: Promise<void>
  open(): void
}

const WRITES = ['create', 'commit', 'rotate', 'destroy']

export function watchedEngine(engine: Engine): WatchedEngine {
  let closed: { reach: () => void; opened: Promise<void> } | undefined
  const calls: string[] = []

  const before = async (name: string): Promise<void> => {
    calls.push(name)
    if (WRITES.includes(name)) {
      const gate = closed
      closed = undefined
      gate?.reach()
      await gate?.opened
      if (watched.delay > 0) await new Promise((resolve) => setTimeout(resolve, watched.delay))
    }
    if (watched.failure !== undefined) throw watched.failure
  }
  const around =
    <Args extends unknown[], Result>(name: string, call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await before(name)
      return call(...args)
    }

  const watched: WatchedEngine = {
    name: engine.name,
    calls,
    delay: 0,
    failure: undefined,
    gate: () => {
      const reached = signal()
      const opened = signal()
      closed = { reach: reached.fire, opened: opened.promise }
      return { reached: reached.promise, open: opened.fire }
    },
    now: () => engine.now(),
    ready: () => engine.ready(),
    close: () => engine.close(),
    load: around('load', engine.load.bind(engine)),
    create: around('create', engine.create.bind(engine)),
    commit: around('commit', engine.commit.bind(engine)),
    touch: around('touch', engine.touch.bind(engine)),
    rotate: around('rotate', engine.rotate.bind(engine)),
    destroy: around('destroy', engine.destroy.bind(engine)),
    list: around('list', engine.list.bind(engine)),
    revokeAll: around('revokeAll', engine.revokeAll.bind(engine)),
    settle: around('settle', engine.settle.bind(engine)),
  }
  return watched
}

/** A promise and the function that resolves it. */
export function signal(): { readonly promise: Promise<void>; readonly fire: () => void } {
  let fire = (): void => undefined
  const promise = new Promise<void>((resolve) => {
    fire = resolve
  })
  return { promise, fire }
}

/** Lets everything run that can run without time passing or a byte coming in. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}
