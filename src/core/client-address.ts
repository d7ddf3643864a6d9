const ADDRESS = Symbol('sojourn.address')

type Teller = () => string | undefined

interface KnownRequest {
  readonly [ADDRESS]?: Teller
  readonly ip?: unknown
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined
}

const MAPPED = /^::ffff:(?=\d+\.)/i
/** Some proxies write the port along: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const WITH_PORT = /^(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::\d+)?$/
/** Of whom a gateway has brought from IPv4, RFC 6052, 2.1: all of them are in one /64. */
const NAT64 = /^64:ff9b:0:0:0:0:([0-9a-f]+):([0-9a-f]+)$/
const GROUPS = 8
const NETWORK_GROUPS = 4

/**
 * The client's address, for what a framework hands out for a request, as `newSessions.by`, `binding.to` and `region` get it:
 * with the framework's own rules of which proxies are believed (Express, Fastify, Koa, SvelteKit), else with our adapter's
 * `trustProxy`, which takes the last address of X-Forwarded-For, else the other end of the connection. Undefined where
 * nothing tells it.
 */
export function addressOf(request: object | undefined): string | undefined {
  const { [ADDRESS]: tell, ip, socket } = (request ?? {}) as KnownRequest
  const address = tell?.() ?? (typeof ip === 'string' ? ip : socket?.remoteAddress)
  if (address === undefined || address === '') return undefined
  const [, ipv6, ipv4] = WITH_PORT.exec(address) ?? []
  return (ipv6 ?? ipv4 ?? address).replace(MAPPED, '')
}

/** For adapters whose requests do not show it. @param request what `sessions.exchange` is called with, before that */
export function holdAddress(request: object, tell: Teller): void {
  ;(request as { [ADDRESS]?: Teller })[ADDRESS] = tell
}

/** Who has one address of IPv6 has its whole /64, and may come with another one each time. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const before = groupsOf(head)
  const after = groupsOf(tail)
  const zeros = tail === undefined ? 0 : Math.max(0, GROUPS - before.length - after.length)
  const groups = [...before, ...Array.from({ length: zeros }, () => 0), ...after]
  const [, high, low] = NAT64.exec(hex(groups)) ?? []
  if (high !== undefined && low !== undefined) return dotted(high) + '.' + dotted(low)
  return `${hex(groups.slice(0, NETWORK_GROUPS))}::/64`
}

const hex = (groups: readonly number[]): string => groups.map((each) => each.toString(16)).join(':')

function dotted(group: string): string {
  const value = Number.parseInt(group, 16)
  return `${value >> 8}.${value & 0xff}`
}

/** The last two may be written as IPv4. */
function groupsOf(part = ''): number[] {
  if (part === '') return []
  return part.split(':').flatMap((group) => {
    const [a, b, c, d] = group.split('.').map(Number)
    return a === undefined || b === undefined || c === undefined || d === undefined
      ? [Number.parseInt(group, 16)]
      : [a * 256 + b, c * 256 + d]
  })
}
