/** Requests without a framework, for tests and for processes that tests start. */
import type { Exchange } from '../../src/core/exchange.ts'
import type { Session } from '../../src/core/session.ts'
import type { Sessions } from '../../src/core/sessions.ts'

export const SECRET = 'a secret for tests, of 32 bytes or more'

/** A stored session's token. */
export async function signIn<Data extends object>(
  sessions: Sessions<Data>,
  data: Partial<Data>,
  principal?: string,
): Promise<string> {
  const session: Session<Data> = await sessions.open()
  Object.assign(session.data, data)
  await session.commit()
  if (principal !== undefined) {
    await session.login(principal, { keep: Object.keys(data) as (keyof Data & string)[] })
  }
  const { token } = session
  if (token === undefined) throw new Error('nothing was stored')
  return token
}

/** What a request with the token gets. A promise: the store was asked. */
export function request<Data extends object>(
  sessions: Sessions<Data>,
  token: string,
): Exchange<Data> | Promise<Exchange<Data>> {
  return sessions.exchange(
    {},
    {
      secure: true,
      host: 'example.org',
      proxied: false,
      cookie: `__Host-session=${token}`,
    },
  )
}

/** The session of a request that must be answered from memory, or nothing. */
export function hit<Data extends object>(
  sessions: Sessions<Data>,
  token: string,
): Session<Data> | undefined {
  const exchange = request(sessions, token)
  if (!(exchange instanceof Promise)) return exchange.session
  exchange.catch(() => undefined)
  return undefined
}

/** Waits until a condition holds. Throws after `patience`, 5 s by default. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  patience = 5_000,
): Promise<void> {
  const end = performance.now() + patience
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${patience} ms`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
