import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'
import { Command, InvalidArgumentError, Option } from 'commander'
import { OptionError } from '../core/errors.ts'
import { type StandaloneConsole, standaloneConsole } from '../operations/console/standalone.ts'
import { Catalogue } from '../operations/sessions/catalogue.ts'
import { openBrowser } from './browser.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { operator } from './operator.ts'
import { say } from './talk.ts'

interface ConsoleFlags extends CommonFlags {
  readonly port: number
  readonly host: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly withoutTls?: true
  readonly origin?: readonly string[]
  readonly write?: true
  readonly values?: true
  readonly environment?: string
  readonly open?: true
}

const HELP = `
Serves a page for your browser, on this machine only, that shows the deployment
as it is now: sessions, servers, events, what the doctor finds. It prints a link
that signs you in, once and within 10 minutes; Enter prints another one. Nothing
can be changed unless --write is given: then sessions can be ended, and the
audit is told who has done it.

Examples:
  $ sojourn console --redis redis://localhost:6379 --open
  $ sojourn console --write --environment production
  $ ssh -L 7070:127.0.0.1:7070 ops@server sojourn console --port 7070
  $ sojourn console --host 10.0.0.5 --port 7443 --tls-cert c.pem --tls-key k.pem

Exit code: 0, 2 usage, 3 not reachable, 4 not permitted.`

/** Browsers hold some connections each. */
const MOST_CONNECTIONS = 1_000

export function consoleCommand(): Command {
  return commonOptions(new Command('console'))
    .description('The same in a browser: look, find, end sessions.')
    .addOption(
      new Option('--port <n>', 'default: one that is free').argParser(parsePort).default(0),
    )
    .option(
      '--host <address>',
      'where it listens; another than this machine needs TLS',
      '127.0.0.1',
    )
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--without-tls', 'plain HTTP beyond this machine: behind a proxy that has TLS')
    .option(
      '--origin <urls...>',
      'where browsers find it, if not at --host: https://ops.example.com',
    )
    .option('--write', 'sessions may be ended')
    .option('--values', 'what sessions hold may be seen; each look is audited')
    .option('--environment <name>', 'shown at the top: production')
    .option('--open', 'opens the browser')
    .addHelpText('after', HELP)
    .action(run)
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text)
  throw new InvalidArgumentError('it takes a port, 0 to 65535.')
}

async function run(flags: ConsoleFlags): Promise<void> {
  const tls = tlsOf(flags)
  checkOrigins(flags)
  const { redis, prefix, secrets, pepper, expiry, durability } = await configured(flags)
  await requireAnswer(new Catalogue({ redis, prefix, secrets, pepper }))
  let console: StandaloneConsole | undefined
  let removePage: (() => void) | undefined
  const server = serverFor(tls, (request, response) => console?.node(request, response))
  const port = await listen(server, flags)
  try {
    const { all, link } = originsOf(flags, tls === undefined ? 'http' : 'https', port)
    const secure = link.startsWith('https:')
    console = standaloneConsole({
      ...{ redis, prefix, secrets, pepper, expiry, secure },
      durable: durability !== undefined && durability !== 'async',
      environment: flags.environment,
      operator: {
        name: operator(),
        access: flags.write === true ? 'write' : 'read',
        values: flags.values === true,
      },
      values: flags.values === true,
      origins: all,
      cookieName: `${secure ? '__Host-' : ''}sojourn-console-${port}`,
    })
    if (secrets === undefined) say('without the secrets (SOJOURN_SECRETS) no user is found by name')
    const first = tell(console, link, flags)
    if (flags.open === true) removePage = openBrowser(first)
    await ended(console, link, flags)
  } finally {
    removePage?.()
    await console?.close()
    server.closeAllConnections()
    server.close()
  }
}

/** Somebody who looks at an empty page does not know why. */
async function requireAnswer(catalogue: Catalogue): Promise<void> {
  try {
    await catalogue.size()
  } finally {
    await catalogue.close()
  }
}

/** A new link, each time. @returns it */
function tell(console: StandaloneConsole, origin: string, { json, write }: ConsoleFlags): string {
  const link = origin + console.newLink()
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ url: `${origin}/`, link })}\n`)
    return link
  }
  const what = write === true ? 'sessions may be ended' : 'read-only'
  say(`${what}; this link opens once, within 10 minutes:`)
  process.stdout.write(`${link}\n`)
  say(`Ctrl-C ends it${process.stdin.isTTY ? ', Enter prints a new link' : ''}`)
  return link
}

/** @returns when somebody ends it. The second time the process ends as it would have without us. */
async function ended(
  console: StandaloneConsole,
  origin: string,
  flags: ConsoleFlags,
): Promise<void> {
  const lines = process.stdin.isTTY ? createInterface({ input: process.stdin }) : undefined
  lines?.on('line', () => void tell(console, origin, flags))
  await new Promise<void>((resolve) => {
    // The interface takes Ctrl-C for itself.
    lines?.once('SIGINT', resolve)
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  lines?.close()
}

interface Tls {
  readonly cert: Buffer
  readonly key: Buffer
}

/** @throws OptionError */
function tlsOf({ host, tlsCert, tlsKey, withoutTls }: ConsoleFlags): Tls | undefined {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new OptionError('--tls-cert', 'and --tls-key belong together')
  }
  if (tlsCert !== undefined && tlsKey !== undefined) {
    return { cert: fileOf('--tls-cert', tlsCert), key: fileOf('--tls-key', tlsKey) }
  }
  if (!isLoopback(host) && withoutTls !== true) {
    throw new OptionError(
      '--host',
      `${host} is reached from elsewhere: add --tls-cert and --tls-key, or --without-tls behind a proxy that has TLS`,
    )
  }
  return undefined
}

function fileOf(option: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new OptionError(option, `the file cannot be read: ${(error as Error).message}`)
  }
}

function serverFor(tls: Tls | undefined, listener: RequestListener): Server {
  try {
    const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
    server.maxConnections = MOST_CONNECTIONS
    return server
  } catch (error) {
    throw new OptionError('--tls-cert', `is refused: ${(error as Error).message}`)
  }
}

/** @throws OptionError for an address that is not ours, or taken */
async function listen(server: Server, { port, host }: ConsoleFlags): Promise<number> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new OptionError('--port', `cannot listen: ${(error as Error).message}`)
  }
  return (server.address() as AddressInfo).port
}

/** @throws OptionError */
function checkOrigins({ origin = [] }: ConsoleFlags): void {
  for (const each of origin) {
    if (URL.canParse(each) && new URL(each).origin === each) continue
    throw new OptionError(
      '--origin',
      'takes an origin without a path, such as https://ops.example.com',
    )
  }
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)

/** Where browsers may find it: requests that have found it elsewhere are somebody's trick. */
function originsOf(
  { host, origin = [] }: ConsoleFlags,
  scheme: 'http' | 'https',
  port: number,
): { readonly all: readonly string[]; readonly link: string } {
  const isEverywhere = host === '0.0.0.0' || host === '::'
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  const names = [
    ...(isEverywhere ? [hostname(), ...addresses.map(({ address }) => address)] : [host]),
    ...['127.0.0.1', 'localhost', '::1'],
  ]
  const here = names.flatMap((name) => {
    const text = `${scheme}://${name.includes(':') ? `[${name}]` : name}:${port}`
    // Addresses with a zone are none for browsers.
    return URL.canParse(text) ? [new URL(text).origin] : []
  })
  const all = [...new Set([...origin, ...here])]
  return { all, link: all[0] ?? '' }
}
