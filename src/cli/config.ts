import { type Command, Option } from 'commander'
import { defaultLoaders, type Loader, lilconfig } from 'lilconfig'
import { OptionError } from '../core/errors.ts'
import type { Durability, RedisSource } from '../index.ts'

/** What every command that looks at a deployment takes. */
export interface CommonFlags {
  readonly redis?: string
  readonly prefix?: string
  readonly config?: string
  readonly json?: true
}

/** What `sojourn.config` may hold: options of `createSessions`, so that an application can share the file. */
export interface FileConfig {
  readonly redis?: RedisSource
  readonly prefix?: string
  readonly secrets?: string | readonly string[]
  readonly pepper?: string
  readonly expiry?: 'off' | 'notify' | 'reliable'
  readonly durability?: Durability
}

const NAMES = ['ts', 'mts', 'js', 'mjs', 'json'].map((type) => `sojourn.config.${type}`)

export function commonOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--redis <redis>',
        'where the sessions are: URL, or the option `redis` as JSON',
      ).env('SOJOURN_REDIS'),
    )
    .addOption(new Option('--prefix <prefix>', 'of the keys (default: "sj")').env('SOJOURN_PREFIX'))
    .addOption(
      new Option('--config <file>', `instead of ${NAMES.join(', ')} here or above`).env(
        'SOJOURN_CONFIG',
      ),
    )
    .option('--json', 'the result as JSON on stdout')
}

/**
 * Flags go before the environment, and that before the file.
 * @throws OptionError
 */
export async function configured(
  flags: CommonFlags,
): Promise<FileConfig & { readonly redis: RedisSource; readonly prefix: string }> {
  const { redis, ...rest } = await configuredOrNothing(flags)
  if (redis !== undefined) return { ...rest, redis }
  throw new OptionError(
    '--redis',
    'is needed, or SOJOURN_REDIS, or a sojourn.config file with `redis`',
  )
}

/** For commands that also do without a server. @throws OptionError */
export async function configuredOrNothing(
  flags: CommonFlags,
): Promise<FileConfig & { readonly prefix: string }> {
  const file = await readFile(flags.config)
  // Not among the arguments: those everybody sees who may list processes.
  const { SOJOURN_SECRETS: secrets, SOJOURN_PEPPER: pepper } = process.env
  const redis = flags.redis === undefined ? file.redis : redisOf('--redis', flags.redis)
  return {
    ...file,
    ...(redis === undefined ? {} : { redis }),
    ...(secrets ? { secrets: secretsOf(secrets) } : {}),
    ...(pepper ? { pepper } : {}),
    prefix: flags.prefix ?? file.prefix ?? 'sj',
  }
}

/** Not by commander, which shows what it was given: that may hold a password. */
export function redisOf(option: string, text: string): RedisSource {
  if (!text.startsWith('{')) return text
  try {
    return JSON.parse(text) as RedisSource
  } catch {
    throw new OptionError(option, 'begins like JSON and is none')
  }
}

/** One, or a JSON list of them, as it is for `createSessions`. */
function secretsOf(text: string): string | readonly string[] {
  if (!text.startsWith('[')) return text
  try {
    return JSON.parse(text) as readonly string[]
  } catch {
    throw new OptionError('SOJOURN_SECRETS', 'begins like a JSON list and is none')
  }
}

/** What Node says of a file in TypeScript that it does not read: to lilconfig's import, or to the require that it tries after it. */
const UNREAD = new Set(['ERR_UNKNOWN_FILE_EXTENSION', 'ERR_INTERNAL_ASSERTION', 'ERR_REQUIRE_ESM'])

/** By import, which reads TypeScript where Node does. */
const load: Loader = defaultLoaders['.mjs'] as Loader

const loadTypeScript: Loader = async (path, content) => {
  try {
    return await load(path, content)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    const { typescript = false } = process.features as { readonly typescript?: string | false }
    if (typescript !== false || !(UNREAD.has(code) || error instanceof SyntaxError)) throw error
    throw new Error(
      'this Node does not read TypeScript: 22.18 and later do; or name it sojourn.config.mjs',
      { cause: error },
    )
  }
}

async function readFile(path: string | undefined): Promise<FileConfig> {
  const finder = lilconfig('sojourn', {
    searchPlaces: NAMES,
    loaders: { '.ts': loadTypeScript, '.mts': loadTypeScript },
  })
  let found: Awaited<ReturnType<typeof finder.search>>
  try {
    found = await (path === undefined ? finder.search() : finder.load(path))
  } catch (error) {
    throw new OptionError('config', `the file cannot be read: ${(error as Error).message}`)
  }
  const config: unknown = found?.config ?? {}
  if (typeof config !== 'object' || config === null) {
    throw new OptionError('config', 'the file is to export an object with `redis`, `prefix`, …')
  }
  return config
}
