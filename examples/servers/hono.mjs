// Hono on Node: node hono.mjs, with REDIS_URL, SESSION_SECRET and PORT.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createSessions } from 'sojourn'
import { honoSessions } from 'sojourn/hono'

const sessions = createSessions({
  redis: process.env.REDIS_URL,
  secrets: [process.env.SESSION_SECRET],
})

const app = new Hono()
app.use(honoSessions(sessions, { trustProxy: true })) // behind a proxy that ends TLS

app.get('/me', (c) => {
  const session = c.get('session')
  return c.json({ user: session.principal ?? null, views: session.get('views') ?? 0 })
})

app.post('/view', async (c) =>
  c.json({ views: await c.get('session').update('views', (views = 0) => views + 1) }),
)

app.post('/login', async (c) => {
  // … check the password first
  await c.get('session').login('ada', { keep: ['views'] })
  return c.body(null, 204)
})

app.post('/logout', async (c) => {
  await c.get('session').logout()
  return c.body(null, 204)
})

serve({ fetch: app.fetch, port: Number(process.env.PORT) })
