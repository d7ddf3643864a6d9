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

/**
 * @param path undefined: the next one here or above, if there is one
 * @throws OptionError that names the file
 */
export async function readConfigFile(path: string | undefined): Promise<FileConfig> {
  const [script, typeScript] = [told(loadScript), told(loadTypeScript)]
  const loaders = {
    ...{ '.ts': typeScript, '.mts': typeScript, '.js': script, '.mjs': script, '.cjs': script },
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
function told(read: Loader): Loader {
  return async (path, text) => {
    const content = text.replace(/^\uFEFF/, '')
    try {
      return await read(path, content)
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      const { line, what = error.message } = placeOf(path, content, error)
      const where = line === undefined ? path : `${path}, line ${line}`
      throw new OptionError('config', `${where}: ${what.split('\n', 1)[0]}`)
    }
  }
}

/** By import, which reads TypeScript where Node does. lilconfig's tries require after it, and tells of that. */
const loadScript: Loader = async (path) => {
  const module: { readonly default?: unknown } = await import(pathToFileURL(path).href)
  if (module.default === undefined) throw new Error('it has no `export default`')
  return module.default
}

const loadTypeScript: Loader = async (path, content) => {
  try {
    return await loadScript(path, content)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error
    throw new Error(
      'this Node does not read TypeScript: 22.18 and later do; or name it sojourn.config.mjs',
      { cause: error },
    )
  }
}

const loadJson: Loader = (_, content) => {
  try {
    return JSON.parse(content)
  } catch {
    // The parser's own words quote what stands there: a secret, or a password.
    throw new Error('it is no JSON')
  }
}

interface Place {
  readonly line: number | undefined
  /** Where it is better than the error's own message. */
  readonly what?: string | undefined
}

function placeOf(path: string, content: string, error: Error): Place {
  if (path.endsWith('.json')) return { line: jsonLineOf(content) }
  // Of what a script does the stack tells. Of one that cannot be read Node tells nobody but who has it checked.
  if (!(error instanceof SyntaxError) || path.endsWith('ts')) {
    const { stack = '' } = error
    return { line: lineAfter(stack, path) ?? lineAfter(stack, pathToFileURL(path).href) }
  }
  const args = ['--check', '--input-type=module']
  const { stderr } = spawnSync(process.execPath, args, { input: content, encoding: 'utf8' })
  const what = /^SyntaxError: (.*)$/m.exec(stderr)?.[1]
  return { line: lineAfter(stderr, '[stdin]'), what }
}

/** Of `name:12`. */
function lineAfter(text: string, name: string): number | undefined {
  const at = text.indexOf(`${name}:`)
  const line = at === -1 ? Number.NaN : Number.parseInt(text.slice(at + name.length + 1), 10)
  return Number.isInteger(line) ? line : undefined
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
