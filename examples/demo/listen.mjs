import { once } from 'node:events'
import { connect } from 'node:net'

const MOST_TRIES = 100

/**
 * Listens on 127.0.0.1, at `port` or the next free one.
 * @param {import('node:http').Server} server
 * @param {number} port 0: any free one
 * @returns {Promise<number>} the port
 */
export async function listen(server, port) {
  for (let candidate = port; candidate < port + MOST_TRIES; candidate += 1) {
    if (candidate !== 0 && (await answersOnIpv6(candidate))) continue
    try {
      server.listen(candidate, '127.0.0.1')
      await once(server, 'listening')
      return /** @type {import('node:net').AddressInfo} */ (server.address()).port
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EADDRINUSE') throw error
    }
  }
  throw new Error(`no free port from ${port} to ${port + MOST_TRIES - 1}`)
}

/** A browser may take `localhost` for ::1 first: a server there would stand in front of ours. */
async function answersOnIpv6(/** @type {number} */ port) {
  const socket = connect({ host: '::1', port })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(300) })
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
