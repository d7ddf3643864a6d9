// One of the two nodes: node.mjs '{"redis": …, "secret": …}'. The one signs sessions out, the other is
// asked for them without a pause. Both read the machine's one monotonic clock.
import { createSessions } from '../../dist/index.js'
import { answer } from '../support/child.mjs'
import { Poller } from './poller.mjs'

const { redis, secret } = JSON.parse(process.argv[2])
const sessions = createSessions({ redis, secrets: [secret], cookie: { secure: false } })
await sessions.ready()
const poller = new Poller(sessions)
const now = () => Number(process.hrtime.bigint()) / 1e6

answer(
  {
    /** @returns id and token of so many new sessions */
    async make(count) {
      const made = []
      for (let i = 0; i < count; i++) {
        const session = await sessions.open()
        session.set('theme', 'dark')
        await session.commit()
        made.push({ id: session.id, token: session.token })
      }
      return made
    },
    /** @returns when it was acknowledged, ms */
    async revoke(id) {
      if (!(await sessions.revoke(id))) throw new Error('there was nothing to revoke')
      return now()
    },
    /**
     * Stops the server as soon as the first of the revocations is acknowledged: others may be under
     * way, or done and not told.
     * @returns for each when it was acknowledged, or, not `done`, when the server was stopped
     */
    async revokeAndStop({ ids, server }) {
      const times = new Map()
      let stoppedAt
      await new Promise((resolve) => {
        const acknowledged = (id) => {
          times.set(id, now())
          if (stoppedAt !== undefined) return
          process.kill(server, 'SIGSTOP')
          stoppedAt = now()
          // What has arrived with it counts as acknowledged too.
          setImmediate(resolve)
        }
        for (const id of ids) {
          sessions.revoke(id).then(
            () => acknowledged(id),
            () => undefined,
          )
        }
      })
      return ids.map((id) => ({ at: times.get(id) ?? stoppedAt, done: times.has(id) }))
    },
    /** Stops the server first: the revocations wait. @returns for each when it was stopped */
    stopAndRevoke({ ids, server }) {
      process.kill(server, 'SIGSTOP')
      const stoppedAt = now()
      for (const id of ids) sessions.revoke(id).catch(() => undefined)
      return ids.map(() => ({ at: stoppedAt, done: false }))
    },
    /** Revokes what may be revoked already. */
    async revokeAgain(ids) {
      await sessions.ready()
      for (const id of ids) await sessions.revoke(id)
    },
    watch: (token) => poller.watch(token),
    refused: (token) => poller.refused(token),
    lastHits: (tokens) => tokens.map((token) => poller.lastHit(token)),
    forget: (tokens) => tokens.forEach((token) => poller.forget(token)),
    stats: () => sessions.stats().nearCache,
  },
  {},
)
