import type { ErrorReply } from './resp.ts'

/**
 * Why a command was not carried out here, and where it belongs. The cause of the error that says so.
 * - `MOVED`: there, from now on
 * - `ASK`: there, this once: its slot is on the way
 * - `TRYAGAIN`: nowhere just now: some of its keys are here and some there
 * - `LEFT`: this server has been left
 */
export class Redirection extends Error {
  readonly kind: 'MOVED' | 'ASK' | 'TRYAGAIN' | 'LEFT'
  readonly host: string
  readonly port: number

  constructor(kind: Redirection['kind'], host = '', port = 0) {
    super(kind)
    this.kind = kind
    this.host = host
    this.port = port
  }
}

/** Of a script that came upon a key which has left already: it looks so, with no word of its own. */
const NOT_HERE = /non local key/
const REDIRECTED = /^(MOVED|ASK) \d+ (.*):(\d+)$/

export function redirectionOf(reply: ErrorReply): Redirection | undefined {
  const { message } = reply
  const [, kind, host, port] = REDIRECTED.exec(message) ?? []
  if (kind !== undefined) return new Redirection(kind as 'MOVED' | 'ASK', host, Number(port))
  if (message.startsWith('TRYAGAIN') || NOT_HERE.test(message)) return new Redirection('TRYAGAIN')
  return undefined
}
