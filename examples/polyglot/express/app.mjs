// Express: one of three applications that share their sessions. REDIS_URL, SESSION_SECRETS (the newest first) and PORT say
// where; the routes are those of ../django and ../spring.
import express from 'express'
import { counter, createSessions } from 'sojourn'
import { expressSessions } from 'sojourn/express'

const { REDIS_URL, SESSION_SECRETS, SESSION_SEAL, PORT } = process.env

const sessions = createSessions({
  redis: REDIS_URL,
  secrets: SESSION_SECRETS.split(','),
  ...(SESSION_SEAL && { seal: SESSION_SEAL }),
  maxSessions: 5,
  merge: { visits: counter },
})

const PASSWORDS = new Map([
  ['ada', 'lovelace'],
  ['bob', 'bobby'],
  // Whom the other two do not know.
  ['eve', 'evening'],
  ['ADA', 'another'],
])

const app = express()
app.set('trust proxy', 1) // one proxy, which ends TLS
app.use(expressSessions(sessions))
app.use(express.json())

app.post('/login', async ({ session, body, ip, headers }, res) => {
  if (!PASSWORDS.has(body.user) || PASSWORDS.get(body.user) !== body.password) {
    return res.sendStatus(401)
  }
  await session.login(body.user, {
    // What nobody has put in goes along; what another user has stays where it is.
    keep: session.principal === undefined ? ['cart'] : [],
    device: headers['user-agent'],
    address: ip,
  })
  res.sendStatus(204)
})

app.get('/me', ({ session }, res) => {
  res.json({
    user: session.principal ?? null,
    id: session.id ?? null,
    ...session.toJSON(),
    values: undefined,
  })
})

app.put('/attributes/:name', ({ session, params, body }, res) => {
  session.set(params.name, body.value)
  res.sendStatus(204)
})

app.delete('/attributes/:name', ({ session, params }, res) => {
  session.delete(params.name)
  res.sendStatus(204)
})

/** Read, then changed: what others do meanwhile is merged by the rule above. */
app.post('/visit', ({ session }, res) => {
  session.set('visits', (session.get('visits') ?? 0) + 1)
  res.sendStatus(204)
})

app.post('/rotate', async ({ session }, res) => {
  await session.rotate()
  res.sendStatus(204)
})

app.get('/devices', async ({ session }, res) => {
  const devices = await sessions.of(session).list()
  res.json(devices.map(({ id, device, current }) => ({ id, device, current })))
})

app.delete('/devices/:id', async ({ session, params }, res) => {
  res.sendStatus((await sessions.of(session).revoke(params.id)) ? 204 : 404)
})

app.post('/logout', async ({ session }, res) => {
  await session.logout()
  res.sendStatus(204)
})

app.post('/logout-others', async ({ session }, res) => {
  await sessions.of(session).revokeOthers()
  res.sendStatus(204)
})

/** Whoever has signed in with the old one is signed out, in all three; who changes it goes on, with a new token. */
app.post('/password', async ({ session, body }, res) => {
  if (session.principal === undefined || PASSWORDS.get(session.principal) !== body.old) {
    return res.sendStatus(403)
  }
  PASSWORDS.set(session.principal, body.password)
  await sessions.of(session).revokeOthers()
  await session.stepUp(1)
  res.sendStatus(204)
})

/** All kinds of values that the three languages share, and what they are here. */
app.post('/values', ({ session }, res) => {
  session.set('values', {
    text: 'Grüße, 世界',
    yes: true,
    nothing: null,
    whole: 9007199254740991,
    huge: 2n ** 80n,
    float: 0.1,
    price: '12.50',
    moment: new Date('2026-02-03T04:05:06.789Z'),
    bytes: new Uint8Array([0, 127, 255]),
    list: [1, 'two', [3]],
    set: new Set(['a', 'b']),
  })
  res.sendStatus(204)
})

app.get('/values', ({ session }, res) => {
  const { moment, bytes, set, huge, ...plain } = session.get('values')
  res.json({
    ...plain,
    huge: String(huge),
    moment: moment.toISOString(),
    bytes: Buffer.from(bytes).toString('hex'),
    set: [...set].toSorted((a, b) => a.localeCompare(b)),
  })
})

app.listen(PORT, '127.0.0.1')
