import { spawnSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { type Loader, lilconfig } from 'lilconfig'
import { ENGINE_OPTION_NAMES } from '../core/engine-option-names.ts'
import { OptionError } from '../core/errors.ts'
import { SESSIONS_OPTION_NAMES, type SessionsOptions } from '../core/options.ts'
import { refuseUnknown } from '../core/unknown-options.ts'
import type { Durability, RedisSource } from '../index.ts'

/** Options of `createSessions` that commands look at. The file may have all of them, so that an application can share it. */
export interface FileConfig {
  readonly redis?: RedisSource
  readonly prefix?: string
  readonly secrets?: string | readonly string[]
  readonly pepper?: string
  readonly expiry?: 'off' | 'notify' | 'reliable'
  readonly durability?: Durability
}

export const CONFIG_NAMES: readonly string[] = ['ts', 'mts', 'js', 'mjs', 'json'].map(
  (type) => `sojourn.config.${type}`,
)
const KNOWN = [...SESSIONS_OPTION_NAMES, ...ENGINE_OPTION_NAMES]
const UNREAD_TYPESCRIPT =
  'this Node does not read TypeScript: 22.18 and later do; or name it sojourn.config.mjs'

/**
 * @param path undefined: the next one here or above, if there is one
 * @throws OptionError that names the file
 */
export async function readConfigFile(path: string | undefined): Promise<FileConfig> {
  const script = told(loadScript)
  const loaders = {
    ...{ '.ts': script, '.mts': script, '.js': script, '.mjs': script, '.cjs': script },
    '.json': told(loadJson),
  }
  const finder = lilconfig('sojourn', { searchPlaces: [...CONFIG_NAMES], loaders })
  try {
    const found = await (path === undefined ? finder.search() : finder.load(path))
    if (found === null || found.isEmpty === true) return {}
    return await withSecrets(checked(found.filepath, found.config))
  } catch (error) {
    if (error instanceof OptionError) throw error
    throw new OptionError('config', `the file cannot be read: ${(error as Error).message}`)
  }
}

function checked(path: string, config: unknown): FileConfig {
  if (typeof config !== 'object' || config === null) {
    throw new OptionError('config', `${path} is to export an object with \`redis\`, \`prefix\`, …`)
  }
  try {
    refuseUnknown(config, KNOWN)
  } catch (error) {
    throw new OptionError('config', `${path}: ${(error as Error).message}`)
  }
  return config
}

/** Asked once where the application asks again and again. */
async function withSecrets(config: FileConfig): Promise<FileConfig> {
  const { secrets } = config as SessionsOptions<object>
  const isSource = typeof secrets === 'object' && 'load' in secrets
  const load = typeof secrets === 'function' ? secrets : isSource ? secrets.load : undefined
  return load === undefined ? config : { ...config, secrets: (await load()) as string[] }
}

/** What is wrong in the file comes with the file and the line: Node and JSON.parse tell the one or the other at most. */
function told(load: Loader): Loader {
  return async (path, text) => {
    const content = text.replace(/^\uFEFF/, '')
    try {
      return await load(path, content)
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      const line = lineOf(path, content, error)
      throw new OptionError(
        'config',
        `${path}${line === undefined ? '' : `, line ${line}`}: ${error.message.split('\n', 1)[0]}`,
      )
    }
  }
}

/** By import, which reads TypeScript where Node does. */
const loadScript: Loader = async (path) => {
  try {
    const module: { readonly default?: unknown } = await import(pathToFileURL(path).href)
    if (module.default !== undefined) return module.default
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const isUnread = code === 'ERR_UNKNOWN_FILE_EXTENSION'
    throw isUnread ? new Error(UNREAD_TYPESCRIPT, { cause: error }) : error
  }
  throw new Error('it has no `export default`')
}

const loadJson: Loader = (_, content) => JSON.parse(content)

function lineOf(path: string, content: string, error: Error): number | undefined {
  if (path.endsWith('.json')) return jsonLineOf(content)
  // Of what a script does the stack tells. Of one that cannot be read Node tells nobody but who has it checked.
  const isChecked = error instanceof SyntaxError && !/ts$/.test(path)
  const args = ['--check', '--input-type=module']
  const trace = isChecked
    ? spawnSync(process.execPath, args, { input: content, encoding: 'utf8' }).stderr
    : (error.stack ?? '')
  for (const name of ['[stdin]', path, pathToFileURL(path).href]) {
    const at = trace.indexOf(`${name}:`)
    const line = at === -1 ? Number.NaN : Number.parseInt(trace.slice(at + name.length + 1), 10)
    if (Number.isInteger(line)) return line
  }
  return undefined
}

/** The first with which it is wrong, and not only unfinished: not every message has a position. */
function jsonLineOf(content: string): number | undefined {
  const lines = content.split('\n')
  const isWrong = (_: string, i: number): boolean => {
    const part = lines.slice(0, i + 1).join('\n')
    try {
      JSON.parse(part)
      return false
    } catch (error) {
      const { message } = error as Error
      const isUnfinished = /end of JSON input|Unterminated string/.test(message)
      return !isUnfinished && !message.includes(`at position ${part.length}`)
    }
  }
  const at = lines.findIndex(isWrong)
  return at === -1 ? undefined : at + 1
}
