import type { ServerFacts } from './facts.ts'
import { providerOf } from './provider.ts'

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

/** A line for the configuration file, for what only a restart changes. */
export function configure(server: ServerFacts, line: string): string[] {
  const provider = providerOf(server)
  if (provider !== undefined) return [`${provider.settings}: ${line}`]
  const file = server.info.get('config_file')
  return [
    `\`${line}\` in ${file === undefined || file === '' ? 'its configuration' : file}, and a restart`,
  ]
}

/** `redis-cli` with what leads to the server, without the password. */
export function cli({ target }: ServerFacts): string {
  const { address, tls } = target
  const where = 'path' in address ? `-s ${address.path}` : `-h ${address.host} -p ${address.port}`
  return `redis-cli ${where}${tls === undefined ? '' : ' --tls'}`
}
