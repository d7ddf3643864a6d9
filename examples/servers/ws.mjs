// ws beside Express, which signs in and out: node ws.mjs, with REDIS_URL, SESSION_SECRET and PORT.
import { createServer } from 'node:http'
import express from 'express'
import { createSessions } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { wsSessions } from 'sojourn/ws'
import { WebSocketServer } from 'ws'

const sessions = createSessions({
  redis: process.env.REDIS_URL,
  secrets: [process.env.SESSION_SECRET],
})

const app = express()
app.set('trust proxy', 1) // one proxy, which ends TLS
app.use(expressSessions(sessions))
app.post('/login', async (req, res) => {
  // … check the password first
  await req.session.login('ada')
  res.sendStatus(204)
})
app.post('/logout', async (req, res) => {
  await req.session.logout() // and all sockets of the session are closed, on all nodes
  res.sendStatus(204)
})

const server = createServer(app)
const sockets = new WebSocketServer({ server })
const { handler } = wsSessions(sockets, sessions, { require: 'login', trustProxy: true })

sockets.on('connection', (socket) => {
  socket.on('error', () => socket.terminate())
  const answer = async (session) => {
    const views = await session.update('views', (before = 0) => before + 1)
    socket.send(JSON.stringify({ user: session.principal, views }))
  }
  socket.on('message', handler(socket, answer))
})

server.listen(process.env.PORT)
