import { OptionError } from '../../core/errors.ts'
import type { Sessions } from '../../core/sessions.ts'

/** What is asked of the storage that was used before: better-auth's own `SecondaryStorage` has it. */
export interface FormerStorage {
  get(key: string): unknown
  getAndDelete(key: string): unknown
  delete(key: string): unknown
}

/** Reads what is only in the former storage, and removes it there once it is here. */
export class Former {
  readonly #storage: FormerStorage
  readonly #sessions: Pick<Sessions, 'reportError'>

  constructor(storage: FormerStorage, sessions: Pick<Sessions, 'reportError'>) {
    this.#storage = storage
    this.#sessions = sessions
  }

  /** @throws what the former storage does: an error, rather than nobody's session */
  async read(key: string): Promise<string | undefined> {
    return textOf(await this.#storage.get(key))
  }

  /** As `read`, and removes it: of several that ask at a time one is given it. */
  async claim(key: string): Promise<string | undefined> {
    return textOf(await this.#storage.getAndDelete(key))
  }

  /** Never rejects: where it is still there it stays behind what is here. */
  async remove(key: string): Promise<void> {
    try {
      await this.#storage.delete(key)
    } catch (error) {
      this.#sessions.reportError('former', error)
    }
  }
}

function textOf(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** @throws OptionError */
export function checkFormer(former: unknown): void {
  if (former === undefined) return
  const { get, getAndDelete, delete: remove } = (former ?? {}) as Partial<FormerStorage>
  if ([get, getAndDelete, remove].every((each) => typeof each === 'function')) return
  throw new OptionError('former', 'takes a secondary storage of better-auth')
}
