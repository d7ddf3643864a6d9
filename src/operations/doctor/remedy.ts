import type { ServerFacts } from './facts.ts'
import { numberOf } from './finding.ts'
import { providerOf } from './provider.ts'

/** Of what is free until maxmemory: more would have sessions evicted by what was to mend something. */
const AFFORDABLE = 0.5

/** Bytes until maxmemory. */
export function freeIn({ info }: ServerFacts): number {
  const limit = numberOf(info, 'maxmemory') ?? 0
  return limit === 0 ? Number.POSITIVE_INFINITY : limit - (numberOf(info, 'used_memory') ?? 0)
}

/** Whether a setting that takes so many bytes more may be made. */
export function fits(server: ServerFacts, bytes: number): boolean {
  return bytes <= freeIn(server) * AFFORDABLE
}

/** How a setting is changed where this server runs, and so that it outlasts a restart. */
export function set(server: ServerFacts, name: string, value: string): string[] {
  const provider = providerOf(server)
  if (provider !== undefined) return [`${provider.settings}: ${name} ${value}`]
  const shown = value === '' || value.includes(' ') ? `'${value}'` : value
  const lasting = server.info.get('config_file')
  return [
    `${cli(server)} CONFIG SET ${name} ${shown}`,
    lasting === undefined || lasting === ''
      ? `and \`${name} ${value === '' ? '""' : value}\` in its configuration: it was started without a file, so CONFIG REWRITE cannot keep it`
      : `${cli(server)} CONFIG REWRITE`,
  ]
}

/** Lines for the configuration file, for what only a restart changes. */
export function configure(server: ServerFacts, lines: readonly string[]): string[] {
  const provider = providerOf(server)
  if (provider !== undefined) return [`${provider.settings}: ${lines.join(', ')}`]
  const file = server.info.get('config_file')
  const shown = lines.map((line) => `\`${line}\``).join(', ')
  return [
    `${shown} in ${file === undefined || file === '' ? 'its configuration' : file}, and a restart`,
  ]
}

/** `redis-cli` with what leads to the server, without the password. */
export function cli({ target }: ServerFacts): string {
  const { address, tls } = target
  const where = 'path' in address ? `-s ${address.path}` : `-h ${address.host} -p ${address.port}`
  return `redis-cli ${where}${tls === undefined ? '' : ' --tls'}`
}

/** The same for what is of the Cluster as a whole: it is told one of its nodes, after the command. */
export function clusterCli({ target, name }: ServerFacts, command: string): string {
  return `redis-cli${target.tls === undefined ? '' : ' --tls'} --cluster ${command} ${name}`
}
