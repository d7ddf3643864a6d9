import { type Command, Option } from 'commander'
import { OptionError } from '../core/errors.ts'
import { secretsList } from '../core/secrets-file.ts'
import type { RedisSource } from '../index.ts'
import { requireListener } from '../operations/reach/reach.ts'
import { CONFIG_NAMES, type FileConfig, readConfigFile } from './config-file.ts'

/** What every command that looks at a deployment takes. */
export interface CommonFlags {
  readonly redis?: string
  readonly prefix?: string
  readonly config?: string
  readonly json?: true
}

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
      new Option('--config <file>', `instead of ${CONFIG_NAMES.join(', ')} here or above`).env(
        'SOJOURN_CONFIG',
      ),
    )
    .option('--json', 'the result as JSON on stdout')
}

/**
 * Flags go before the environment, and that before the file.
 * @throws OptionError; StoreUnavailableError where nothing listens
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

/** For commands that also do without a server. @throws OptionError, StoreUnavailableError */
export async function configuredOrNothing(
  flags: CommonFlags,
): Promise<FileConfig & { readonly prefix: string }> {
  const { secrets: ofFile, ...file } = await readConfigFile(flags.config)
  // Not among the arguments: those everybody sees who may list processes.
  const { SOJOURN_SECRETS: secrets, SOJOURN_PEPPER: pepper } = process.env
  const redis = flags.redis === undefined ? file.redis : redisOf('--redis', flags.redis)
  if (redis !== undefined) await requireListener(redis)
  return {
    ...file,
    ...knownOf(ofFile),
    ...(redis === undefined ? {} : { redis }),
    ...(secrets ? { secrets: secretsOf(secrets) } : {}),
    ...(pepper ? { pepper } : {}),
    prefix: flags.prefix ?? file.prefix ?? 'sj',
  }
}

/** Of variables that are not set here there is no secret: what needs none does without. */
function knownOf(secrets: FileConfig['secrets']): Pick<FileConfig, 'secrets'> {
  if (!Array.isArray(secrets)) return secrets === undefined ? {} : { secrets }
  // Some of them would be taken for others: the first signs. That is refused where they are looked at.
  const isUnset = (secrets as readonly (string | undefined)[]).every((each) => each === undefined)
  return isUnset ? {} : { secrets }
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
  if (text.startsWith('[')) return secretsList('SOJOURN_SECRETS', text)
  // Of a file that `secretsFile` reads: taken for one it would open nothing, and look as if a secret was missing.
  if (/\n./.test(text)) {
    throw new OptionError('SOJOURN_SECRETS', 'has several lines: several secrets are a JSON list')
  }
  return text
}
