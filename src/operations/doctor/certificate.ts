import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { askTls, type RedisTarget } from '../../engines/redis/options.ts'

const DAY = 86_400_000
const PATIENCE = 5_000

/**
 * Days until the server's certificate ends, by this clock; negative when it has. It is looked at whether it is trusted or
 * not: one that has ended would be refused.
 * @param now milliseconds since the epoch
 * @returns nothing without TLS, or where none comes
 */
export async function certificateDaysOf(
  { address, tls }: RedisTarget,
  now: number,
): Promise<number | undefined> {
  if (tls === undefined) return undefined
  const late = sleep(PATIENCE, undefined, { ref: false })
  const own = await Promise.race([askTls(tls).catch(() => undefined), late])
  if (own === undefined) return undefined
  return new Promise((resolve) => {
    const socket = connect({ ...address, ...own, rejectUnauthorized: false, timeout: PATIENCE })
    const done = (days: number | undefined): void => {
      socket.destroy()
      resolve(days)
    }
    socket.once('secureConnect', () => {
      const end = Date.parse(socket.getPeerCertificate().valid_to)
      done(Number.isNaN(end) ? undefined : Math.floor((end - now) / DAY))
    })
    socket.once('error', () => done(undefined))
    socket.once('timeout', () => done(undefined))
  })
}
