/**
 * Sojourn as a system to race. Its modules are handed in: the race proof takes the build, the tests
 * take the sources.
 */
export function sojournSystem(modules, { redis, engine, secret, rotationGrace }) {
  const { createSessions, expressSessions, counter, union } = modules
  const sessions = createSessions({
    ...(engine === undefined ? { redis } : { engine }),
    secrets: [secret],
    rotationGrace,
    merge: { cart: union('sku'), hits: counter },
    cookie: { secure: false },
    // The machine is kept busy on purpose; a late answer is not what is raced here.
    ...(engine === undefined ? { commandTimeout: '10s' } : {}),
  })
  return {
    middleware: expressSessions(sessions),
    ready: () => sessions.ready(),
    close: () => sessions.close(),
    id: (req) => req.session.id,
    user: (req) => req.session.principal,
    save: (req) => req.session.commit(),
    login: (req, user) => req.session.login(user),
    rotate: (req) => req.session.rotate(),
    logout: (req) => req.session.logout(),
  }
}

/**
 * Whether Redis holds a session under the id. A trail (bit 7 of a record's second byte) is none: it
 * says only that the id was given up.
 */
export async function sojournHolds(command, id) {
  const key = `sj:{${id.slice(0, 3)}}:s:${id.slice(3)}`
  if (Number(await command('EXISTS', key)) === 0) return false
  return Number(await command('GETBIT', key, '8')) === 0
}
