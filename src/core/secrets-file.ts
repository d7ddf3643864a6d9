import { readFileSync } from 'node:fs'
import { OptionError } from './errors.ts'
import type { SecretsSource } from './live-keyring.ts'

/** What has changed is taken when it has been the same for so long: it may be written still. Milliseconds. */
const SETTLED = 250
/** So often a file that goes on changing is read. */
const MOST_READS = 20

/**
 * Secrets in a file, such as one that Kubernetes or Docker mounts: UTF-8 text, one a line, or a JSON list; the first is the
 * current one. Looked at every 10 seconds: who changes the file rotates them, without a restart.
 * @throws OptionError, from `createSessions`, when the file cannot be read
 */
export function secretsFile(path: string): SecretsSource {
  if (typeof path !== 'string' || path === '') {
    throw new OptionError('secrets', 'secretsFile takes the path of a file')
  }
  let known: string | undefined
  return {
    load: () => {
      const text = readSecretsText(path)
      const isSettled = known === undefined || text === known
      if (!isSettled) return settled(path, text).then((now) => secretsIn((known = now), path))
      known = text
      return secretsIn(text, path)
    },
    every: '10s',
  }
}

async function settled(path: string, first: string): Promise<string> {
  let last = first
  for (let reads = 1; reads < MOST_READS; reads++) {
    await new Promise((resolve) => setTimeout(resolve, SETTLED))
    const text = readSecretsText(path)
    if (text === last) return text
    last = text
  }
  throw new OptionError('secrets', `the file ${path} changes all the time`)
}

/** @throws OptionError */
export function readSecretsText(path: string): string {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new OptionError('secrets', `the file ${path} cannot be read: ${code}`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    // Read all the same, bytes that are no text would be one and the same character, and secrets of them alike.
    throw new OptionError(
      'secrets',
      `the file ${path} is no text: \`sojourn keys --new\` makes one`,
    )
  }
}

/** @throws OptionError */
export function secretsIn(text: string, path: string): readonly string[] {
  const trimmed = text.trim()
  if (!trimmed.startsWith('[')) {
    const lines = trimmed
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '')
    // To sign with what everybody takes for a comment would be worse than to refuse it.
    if (lines.some((line) => line.startsWith('#'))) {
      throw new OptionError(
        'secrets',
        `the file ${path} has a line with # in front: it has no comments`,
      )
    }
    return lines
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
