import { randomBytes } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { OptionError } from '../../core/errors.ts'
import { createKeyring } from '../../core/keyring.ts'
import { readSecretsText, secretsIn } from '../../core/secrets-file.ts'
import { counted } from '../doctor/finding.ts'
import type { NodeKeys } from '../observe/report-book.ts'
import type { KeyUse } from './keys.ts'

/**
 * A step of a change of secrets. It is named, not guessed: a secret that is not used yet and one that is not used any more
 * look the same.
 */
export type RotateStep = 'append' | 'front' | 'remove'

/** A file as `secretsFile()` reads it. */
export interface SecretsText {
  readonly path: string
  readonly text: string
  readonly secrets: readonly string[]
}

/** What is known of those who need the secrets. */
export interface Needs {
  readonly uses: readonly KeyUse[]
  /** undefined: they may not be listened to. */
  readonly nodes: readonly NodeKeys[] | undefined
  /** The operator says what is not seen. */
  readonly isConfirmed: boolean
}

const SECRET_BYTES = 32
const OPTION = '--file'

export const newSecret = (): string => randomBytes(SECRET_BYTES).toString('base64')

/** @throws OptionError */
export function readSecrets(path: string): SecretsText {
  const text = readSecretsText(path)
  const secrets = secretsIn(text, path)
  createKeyring(secrets)
  return { path, text, secrets }
}

/**
 * Before anything else is asked: that the file can be replaced here.
 * @throws OptionError
 */
export function requireReplaceable({ path }: SecretsText): void {
  const found = lstatSync(path)
  if (found.isSymbolicLink()) {
    throw new OptionError(
      OPTION,
      `${path} is a symbolic link, as of a secret that is mounted (Kubernetes): change the secret where it is kept, or name the file itself`,
    )
  }
  if (!found.isFile()) throw new OptionError(OPTION, `${path} is no ordinary file`)
  try {
    accessSync(dirname(path), constants.W_OK)
  } catch (error) {
    throw notReplaced(path, error)
  }
}

/** @returns why the step is not to be made; nothing where it may be */
export function objectionTo(
  step: RotateStep,
  { path, secrets }: SecretsText,
  needs: Needs,
): string | undefined {
  const count = secrets.length
  if (step === 'append') {
    if (count === 1) return undefined
    return `${path} has ${count} secrets, so a change is under way: first \`--rotate front\`, then \`--rotate remove\``
  }
  if (count === 1) return `${path} has one secret: \`--rotate append\` comes first`
  const name = `secrets[${count - 1}]`
  const last = needs.uses.find(({ place }) => place === count - 1)
  const needed = last === undefined ? 0 : last.sessions + last.tokens
  if (step === 'front') {
    if (needed > 0) {
      return `${name} is in use by ${counted(needed, 'session')}: it has been in front already, and is the one to be taken out when nobody needs it`
    }
    return lackOf(last, name, needs)
  }
  if (needed > 0) return `${counted(needed, 'session')} ${needed === 1 ? 'needs' : 'need'} ${name}`
  const nodes = needs.nodes ?? []
  const signing = nodes.filter(({ keyIds }) => keyIds?.[0] === last?.keyId)
  if (signing.length > 0) return `${namesOf(signing)} still ${verb(signing, 'sign')} with ${name}`
  const first = needs.uses.find(({ place }) => place === 0)
  const without = nodes.filter((node) => lacks(node, first))
  if (without.length > 0) return `${namesOf(without)} ${verb(without, 'lack')} secrets[0]`
  // How long it has been so nobody has written down, nor are forwards counted.
  if (needs.isConfirmed) return undefined
  return `${name} seals nothing and signs no token in use: again with --yes, when that has been so for 5 minutes, or a longer rotationPatience of yours; with \`adopt\`, for as long as that`
}

function lackOf(
  last: KeyUse | undefined,
  name: string,
  { nodes, isConfirmed }: Needs,
): string | undefined {
  const without = nodes?.filter((node) => lacks(node, last)) ?? []
  if (without.length > 0) {
    return `${namesOf(without)} ${verb(without, 'lack')} ${name}, and would take for nobody who comes by it`
  }
  if (isConfirmed) return undefined
  // What does not report is not seen, and one of it is enough.
  const known = nodes?.filter(({ keyIds }) => keyIds !== undefined) ?? []
  const why =
    nodes === undefined
      ? 'for this user may not listen to their reports'
      : known.length === 0
        ? 'for none says so'
        : `but of ${namesOf(known)}`
  const id = last === undefined ? '' : `, key id ${last.keyId},`
  return `whether all nodes have ${name}${id} is not known, ${why}: again with --yes, when all have it, those in Python and Java too, which report nothing`
}

const lacks = ({ keyIds }: NodeKeys, use: KeyUse | undefined): boolean =>
  use !== undefined && keyIds !== undefined && !keyIds.includes(use.keyId)

const verb = (nodes: readonly NodeKeys[], plural: string): string =>
  nodes.length === 1 ? `${plural}s` : plural

const MOST_NAMES = 3

export function namesOf(nodes: readonly NodeKeys[]): string {
  const names = nodes.slice(0, MOST_NAMES).map(({ name, pid }) => `${name} (${pid})`)
  const more = nodes.length - names.length
  return more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ')
}

/**
 * Makes the step, whether or not it is time for it.
 * @returns the key ids of the secrets that the file has now, in their order
 * @throws OptionError where the file cannot be replaced, or has been changed meanwhile; it is as it was then
 */
export function rotate(step: RotateStep, file: SecretsText): readonly number[] {
  const secrets = after(step, file.secrets)
  const { ids } = createKeyring(secrets)
  requireReplaceable(file)
  try {
    replace(file, textOf(file.text, secrets))
  } catch (error) {
    throw notReplaced(file.path, error)
  }
  return ids
}

function after(step: RotateStep, secrets: readonly string[]): readonly string[] {
  if (step === 'append') return [...secrets, unlike(secrets)]
  const others = secrets.slice(0, -1)
  return step === 'remove' ? others : [...secrets.slice(-1), ...others]
}

/** One whose key id is another's is refused by everybody. */
function unlike(secrets: readonly string[]): string {
  const { ids } = createKeyring(secrets)
  for (;;) {
    const secret = newSecret()
    if (!ids.includes(createKeyring([secret]).primary.id)) return secret
  }
}

/** A list stays a list, lines stay lines. */
function textOf(before: string, secrets: readonly string[]): string {
  const trimmed = before.trim()
  const end = before.slice(before.trimEnd().length)
  if (!trimmed.startsWith('[')) return secrets.join(before.includes('\r\n') ? '\r\n' : '\n') + end
  return JSON.stringify(secrets, undefined, trimmed.includes('\n') ? 2 : 0) + end
}

/** By renaming: who reads it meanwhile has what was, or what is, and never half. */
function replace({ path, text: before }: SecretsText, text: string): void {
  const former = lstatSync(path)
  // By one name: who is at it at the same time finds it there.
  const beside = join(dirname(path), `.${basename(path)}.new`)
  const file = openOwn(beside)
  try {
    try {
      const own = fstatSync(file)
      // Those who read it could not any more, were it another's.
      if (own.uid !== former.uid || own.gid !== former.gid) fchownSync(file, former.uid, former.gid)
      fchmodSync(file, former.mode & 0o7777)
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    if (readSecretsText(path) !== before) {
      throw new OptionError(OPTION, `${path} has been changed meanwhile: it is left as it is`)
    }
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
  syncFolder(dirname(path))
}

function openOwn(beside: string): number {
  try {
    return openSync(beside, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new OptionError(
      OPTION,
      `${beside} is there: another is changing the secrets just now, or was cut off; then remove it, for it has secrets in it`,
    )
  }
}

function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  } catch {
    // Not every system has that, and the file is in place.
  }
}

function notReplaced(path: string, error: unknown): OptionError {
  if (error instanceof OptionError) return error
  const { code = String(error), syscall } = error as NodeJS.ErrnoException
  const why =
    syscall === 'fchown'
      ? 'its owner and group cannot be kept: run this as its owner, or as root'
      : 'change the secret where it is kept, if this is a mount of it, or run this as one who may write its folder'
  return new OptionError(OPTION, `${path} cannot be replaced here (${code}): ${why}`)
}
