// What a node does for the driver: requests as an adapter makes them, and calls of the application.

/**
 * @param operation `name`, and by name `token` (the cookie), `principal`, `kind`, `idle` (ms), `id`
 * @returns `none` where the cookie opens nothing, `id`, `principal` and, when the answer sets the cookie,
 * `token`; `error`, a code, when it has failed
 */
export async function perform(sessions, operation) {
  try {
    return await operations[operation.name](sessions, operation)
  } catch (error) {
    const { code } = error
    if (code === undefined || code === 'ERR_SOJOURN_OPTION') throw error
    return { error: code }
  }
}

const operations = {
  visit: (sessions, { idle }) =>
    request(sessions, undefined, (session) => {
      session.set('cart', ['A-1'])
      session.setLifetime({ idleTimeout: idle })
    }),
  login: (sessions, { token, principal, kind, idle }) =>
    request(sessions, token, (session) =>
      session.login(principal, {
        ...{ kind, idleTimeout: idle },
        ...{ level: 1, device: 'Firefox on Linux', keep: ['cart'] },
      }),
    ),
  read: (sessions, { token }) => visit(sessions, token, (session) => session.get('cart')),
  write: (sessions, { token }) =>
    visit(sessions, token, (session) => session.set('n', (session.get('n') ?? 0) + 1)),
  rotate: (sessions, { token }) => visit(sessions, token, (session) => session.rotate()),
  stepUp: (sessions, { token }) =>
    visit(sessions, token, async (session) => {
      if (session.principal !== undefined) await session.stepUp(2)
    }),
  lifetime: (sessions, { token, idle }) =>
    visit(sessions, token, (session) => session.setLifetime({ idleTimeout: idle })),
  logout: (sessions, { token }) => visit(sessions, token, (session) => session.logout()),
  revokeOthers: (sessions, { token }) =>
    visit(sessions, token, async (session) => {
      if (session.principal !== undefined) await sessions.of(session).revokeOthers()
    }),
  /** One that is ended: past the near cache, which may be told a moment later. */
  ghost: async (sessions, { token }) => {
    const { isNew, id } = await sessions.open(token, { fresh: true })
    return isNew ? { none: true } : { id }
  },
  revoke: async (sessions, { principal, id }) => {
    await sessions.of(principal).revoke(id)
    return {}
  },
  revokeAll: async (sessions, { principal }) => {
    await sessions.of(principal).revokeAll()
    return {}
  },
  list: async (sessions, { principal }) => {
    await sessions.of(principal).list()
    return {}
  },
  roles: async (sessions, { principal }) => {
    await sessions.of(principal).set({ role: 'editor' })
    return {}
  },
}

/** A request that does something only where its cookie opens a session. */
const visit = (sessions, token, act) =>
  request(sessions, token, (session) => (session.isNew ? undefined : act(session)))

async function request(sessions, token, act) {
  const cookie = token === undefined ? undefined : `session=${token}`
  const facts = { cookie, secure: false, host: 'localhost', proxied: false }
  const exchange = await sessions.exchange({}, facts)
  const { session } = exchange
  const wasNew = session.isNew
  await act(session)
  if (exchange.dirty) await exchange.commit()
  const isSet = exchange.sendHeaders() !== undefined
  exchange.afterResponse((error) => sessions.reportError('touch', error))
  exchange.release()
  const { id, principal } = session
  // Absent where it has been ended under way, too.
  if (id === undefined) return wasNew ? { none: true } : {}
  return { id, principal, ...(isSet ? { token: session.token } : {}) }
}
