import { wsSessions } from 'sojourn/ws'
import { WebSocket, WebSocketServer } from 'ws'
import { act, type Client, type Driver, Refused } from './driver.ts'

export const wsDriver: Driver = {
  name: 'ws',
  end: 4401,
  serve: (server, sessions, options) => {
    const sockets = new WebSocketServer({ server })
    const live = wsSessions(sockets, sessions, options)
    sockets.on('connection', (socket, request) => {
      socket.send(JSON.stringify(sessions.from(request).principal ?? null))
      socket.on('error', () => socket.terminate())
      socket.on('message', (data: Buffer) => {
        void act(live, socket, data.toString()).then((answer) =>
          socket.send(JSON.stringify(answer)),
        )
      })
    })
    return {
      close: async () => {
        for (const socket of sockets.clients) socket.terminate()
        await new Promise((resolve) => sockets.close(resolve))
      },
    }
  },
  connect: async (port, { cookie, headers } = {}) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, {
      headers: { ...(cookie === undefined ? {} : { cookie }), ...headers },
    })
    const ended = new Promise<number>((resolve) => {
      socket.on('close', (code) => resolve(code))
    })
    const answers: ((answer: unknown) => void)[] = []
    const next = (): Promise<unknown> => new Promise((resolve) => answers.push(resolve))
    const greeted = next()
    socket.on('message', (data: Buffer) => answers.shift()?.(JSON.parse(data.toString())))
    await new Promise<void>((resolve, reject) => {
      socket.on('open', resolve)
      socket.on('error', reject)
      socket.on('unexpected-response', (_, response) => {
        reject(new Refused(response.statusCode ?? 0, response.headers['retry-after']))
        socket.terminate()
      })
    })
    const client: Client = {
      greeting: await greeted,
      ended,
      ask: async (event) => {
        const answer = next()
        socket.send(event)
        return answer
      },
      close: () => socket.close(),
    }
    return client
  },
}
