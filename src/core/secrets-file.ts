import { readFileSync } from 'node:fs'
import { OptionError } from './errors.ts'
import type { SecretsSource } from './live-keyring.ts'

/**
 * Secrets in a file, such as one that Kubernetes or Docker mounts: one a line, or a JSON list; the first is the current
 * one. Looked at every 10 seconds: who changes the file rotates them, without a restart.
 * @throws OptionError, from `createSessions`, when the file cannot be read
 */
export function secretsFile(path: string): SecretsSource {
  if (typeof path !== 'string' || path === '') {
    throw new OptionError('secrets', 'secretsFile takes the path of a file')
  }
  return { load: () => secretsIn(read(path)), every: '10s' }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new OptionError('secrets', `the file ${path} cannot be read: ${code}`)
  }
}

/** @throws OptionError */
function secretsIn(text: string): readonly string[] {
  const trimmed = text.trim()
  if (!trimmed.startsWith('[')) {
    return trimmed
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '')
  }
  return secretsList('secrets', trimmed)
}

/** @throws OptionError for what is no JSON; what is in the list is for the keyring to look at */
export function secretsList(option: string, text: string): readonly string[] {
  try {
    return JSON.parse(text) as readonly string[]
  } catch {
    throw new OptionError(option, 'begins like a JSON list and is none')
  }
}
