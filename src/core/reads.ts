import { isPrivateName } from './private-names.ts'

/** More names than that are not told of: then nobody can say what is not among them. */
const MOST_NAMES = 64
const LONGEST_NAME = 64

/**
 * Which attributes this process reads: their names alone, of attributes that are there. Until somebody wants to know nothing
 * is noted, and what asks costs a look at `isOn`.
 */
class Reads {
  isOn: boolean = false
  #wanted = 0
  #last: string | undefined
  #isComplete = true
  readonly #names = new Set<string>()

  /** Notes from now on. @returns a function for who does not want to know any more */
  watch(): () => void {
    this.#wanted++
    this.isOn = true
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      if (--this.#wanted > 0) return
      this.isOn = false
      this.#last = undefined
      this.#isComplete = true
      this.#names.clear()
    }
  }

  /** Since somebody wants to know; undefined: there are too many. */
  get names(): string[] | undefined {
    return this.#isComplete ? [...this.#names] : undefined
  }

  note(name: string): void {
    // Requests read the same ones.
    if (name === this.#last) return
    this.#last = name
    if (this.#names.has(name) || isPrivateName(name)) return
    if (this.#names.size < MOST_NAMES && name.length <= LONGEST_NAME) this.#names.add(name)
    else this.#isComplete = false
  }

  /** They are handed out together: whoever gets them may read any. */
  noteAll(attributes: ReadonlyMap<string, unknown>): void {
    if (this.isOn) for (const name of attributes.keys()) this.note(name)
  }
}

/** Of all sessions of the process. */
export const reads: Reads = new Reads()
