import { connect, createServer } from 'node:net'

/**
 * Stands between a client and a server, both on unix sockets, and can be cut one way: what the
 * client sends still arrives, what the server answers does not, on no connection, and none is closed.
 * @returns `cut()`, `heal()` (connections that were cut are closed: they have a gap), `stop()`
 */
export async function startProxy(path, target) {
  const sockets = new Set()
  let isCut = false
  const server = createServer((client) => {
    const upstream = connect(target)
    const pair = [client, upstream]
    const end = () => {
      for (const socket of pair) {
        socket.destroy()
        sockets.delete(socket)
      }
    }
    for (const socket of pair) {
      sockets.add(socket)
      socket.on('error', end).on('close', end)
    }
    client.pipe(upstream)
    upstream.on('data', (chunk) => {
      if (!isCut) client.write(chunk)
    })
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject).listen(path, resolve)
  })
  const closeAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    cut() {
      isCut = true
    },
    heal() {
      closeAll()
      isCut = false
    },
    stop() {
      server.close()
      closeAll()
    },
  }
}
