// Socket.IO beside Express, which signs in and out: node socket.io.mjs, with REDIS_URL, SESSION_SECRET and PORT.
import { createServer } from 'node:http'
import express from 'express'
import { Server } from 'socket.io'
import { createSessions } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { socketIoSessions } from 'sojourn/socket.io'

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
  await req.session.logout() // and all sockets of the session are disconnected, on all nodes
  res.sendStatus(204)
})

const server = createServer(app)
const io = new Server(server)
const { handler } = socketIoSessions(io, sessions, { require: 'login', trustProxy: true })

io.on('connection', (socket) => {
  const answer = async (session, reply) => {
    const views = await session.update('views', (before = 0) => before + 1)
    reply({ user: session.principal, views })
  }
  socket.on('view', handler(socket, answer))
})

server.listen(process.env.PORT)
