// Express: node express.mjs, with REDIS_URL, SESSION_SECRET and PORT.
import express from 'express'
import { createSessions } from 'sojourn'
import { expressSessions } from 'sojourn/express'

const sessions = createSessions({
  redis: process.env.REDIS_URL,
  secrets: [process.env.SESSION_SECRET],
})

const app = express()
app.set('trust proxy', 1) // one proxy, which ends TLS
app.use(expressSessions(sessions))

app.get('/me', (req, res) => {
  res.json({ user: req.session.principal ?? null, views: req.session.views ?? 0 })
})

app.post('/view', (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.json({ views: req.session.views })
})

app.post('/login', async (req, res) => {
  // … check the password first
  await req.session.login('ada', { keep: ['views'] })
  res.sendStatus(204)
})

app.post('/logout', async (req, res) => {
  await req.session.logout()
  res.sendStatus(204)
})

app.listen(process.env.PORT)
