import { randomBytes } from 'node:crypto'
import { sessionEventNames } from 'sojourn'

const KEPT = 100
const PING_EVERY = 15_000
/** Bytes that may wait for a slow reader before it is cut off; it comes back by itself. */
const MOST_WAITING = 256 * 1024
const MOST_READERS = 64
const SHOWN = sessionEventNames.filter((name) => name !== 'error')

/** The part of a session id that is shown. The first three characters name its partition. */
export const shortId = (/** @type {string | undefined} */ id) => id?.slice(3, 11)

/**
 * A node's session events as Server-Sent Events: short ids, never a token or a value.
 * @param {string} node
 * @param {import('sojourn').Sessions<any>} sessions
 */
export function createFeed(node, sessions) {
  // A reader that was there before a restart must not mistake new numbers for old ones.
  const run = randomBytes(3).toString('hex')
  /** @type {{ id: string, text: string }[]} */
  const kept = []
  /** @type {Set<import('node:http').ServerResponse>} */
  const readers = new Set()
  /** @type {Map<string, number>} Conflicts by session, of the last sessions that had any. */
  const conflicts = new Map()
  /** @type {import('./store-watch.mjs').StoreState} */
  let store = { ok: true }
  let count = 0

  const write = (
    /** @type {import('node:http').ServerResponse} */ reader,
    /** @type {string} */ text,
  ) => {
    if (reader.writableLength > MOST_WAITING) reader.destroy()
    else reader.write(text)
  }

  const unsubscribe = SHOWN.map((name) =>
    sessions.on(name, (/** @type {any} */ event) => {
      if (name === 'conflict') countConflict(event.id)
      count += 1
      const id = `${run}-${count}`
      const { previousId, principal, reason, attributes } = event
      const data = { id, at: Date.now(), node, name, principal, reason, attributes }
      const ids = { session: shortId(event.id), previous: shortId(previousId) }
      const text = `id: ${id}\ndata: ${JSON.stringify({ ...data, ...ids })}\n\n`
      kept.push({ id, text })
      if (kept.length > KEPT) kept.shift()
      for (const reader of readers) write(reader, text)
    }),
  )
  const ping = setInterval(() => {
    for (const reader of readers) write(reader, ': \n\n')
  }, PING_EVERY)
  ping.unref()

  function countConflict(/** @type {string} */ id) {
    const before = conflicts.get(id) ?? 0
    conflicts.delete(id)
    conflicts.set(id, before + 1)
    if (conflicts.size > 500) conflicts.delete(conflicts.keys().next().value ?? '')
  }

  const storeText = () => `event: store\ndata: ${JSON.stringify(store)}\n\n`

  return {
    conflicts: (/** @type {string | undefined} */ id) => conflicts.get(id ?? '') ?? 0,

    /** Whether the store answered when it was last asked. */
    get store() {
      return store
    },

    /** Tells the pages whether the store answers. */
    storeChanged(/** @type {import('./store-watch.mjs').StoreState} */ state) {
      store = state
      for (const reader of readers) write(reader, storeText())
    },

    /** Answers with the stream: first what is kept, then what happens. */
    send(
      /** @type {import('express').Request} */ req,
      /** @type {import('express').Response} */ res,
    ) {
      if (readers.size >= MOST_READERS) return void res.status(503).end()
      const after = req.get('Last-Event-ID') ?? req.query['after']
      const seen = kept.findIndex(({ id }) => id === after)
      res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
      res.write(`retry: 1000\n\n${storeText()}`)
      for (const { text } of kept.slice(seen + 1)) res.write(text)
      readers.add(res)
      res.on('close', () => readers.delete(res))
    },

    close() {
      clearInterval(ping)
      for (const end of unsubscribe) end()
      for (const reader of readers) reader.end()
    },
  }
}
