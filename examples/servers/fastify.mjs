// Fastify: node fastify.mjs, with REDIS_URL, SESSION_SECRET and PORT.
import Fastify from 'fastify'
import { createSessions } from 'sojourn'
import { fastifySessions } from 'sojourn/fastify'

const sessions = createSessions({
  redis: process.env.REDIS_URL,
  secrets: [process.env.SESSION_SECRET],
})

const app = Fastify({ trustProxy: 1 }) // one proxy, which ends TLS
app.register(fastifySessions, { sessions })
app.addHook('onClose', () => sessions.close())

app.get('/me', async ({ session }) => ({
  user: session.principal ?? null,
  views: session.views ?? 0,
}))

app.post('/view', async ({ session }) => {
  session.views = (session.views ?? 0) + 1
  return { views: session.views }
})

app.post('/login', async ({ session }, reply) => {
  // … check the password first
  await session.login('ada', { keep: ['views'] })
  return reply.code(204).send()
})

app.post('/logout', async ({ session }, reply) => {
  await session.logout()
  return reply.code(204).send()
})

await app.listen({ port: Number(process.env.PORT), host: process.env.HOST })
