import { isPrivateName } from './private-names.ts'

type Entry = readonly [name: string, value: unknown]

/**
 * What a session that is taken over holds under another framework's names is left out: the application could neither
 * see nor change it here, and that framework would take it for its own. It is told of once.
 */
export class LeftOut {
  readonly #source: string
  #isTold = false

  /** @param source as the warning calls it */
  constructor(source: string) {
    this.#source = source
  }

  /** @returns the others */
  from(entries: Iterable<Entry>): readonly Entry[] {
    const all = [...entries]
    const own = all.filter(([name]) => !isPrivateName(name))
    if (own.length < all.length) this.#tell(all)
    return own
  }

  #tell(all: readonly Entry[]): void {
    if (this.#isTold) return
    this.#isTold = true
    const name = all.find(([each]) => isPrivateName(each))?.[0] as string
    const [framework] = name.split(':', 1)
    process.emitWarning(
      `${this.#source}: attributes such as ${JSON.stringify(name)} are not taken over, for names that begin with ` +
        `\`${framework}:\` belong to applications of that framework. Give them other names to keep them.`,
      { code: 'SOJOURN_ADOPT_NAMES' },
    )
  }
}
