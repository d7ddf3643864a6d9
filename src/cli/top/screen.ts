/** Of a terminal that does not say. */
const COLUMNS = 80
const ROWS = 24

/** A terminal, or what takes its place in tests. */
export interface Terminal {
  write(text: string): unknown
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

const ESC = '\u001B['
/** Alternate screen, no cursor, and no wrapping at the right edge. */
const OPEN = `${ESC}?1049h${ESC}?25l${ESC}?7l${ESC}2J`
const CLOSE = `${ESC}?7h${ESC}?25h${ESC}?1049l`

/** Draws frames: of each only the lines that are not as they were are written. */
export class Screen {
  readonly #terminal: Terminal
  #shown: readonly string[] = []
  #size = ''
  #isOpen = false

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  open(): void {
    this.#isOpen = true
    this.#terminal.write(OPEN)
  }

  /** Of terminals that have no size some say 0. */
  get width(): number {
    return this.#terminal.columns || COLUMNS
  }

  get height(): number {
    return this.#terminal.rows || ROWS
  }

  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return
    const size = `${this.width} ${this.height}`
    let out = ''
    if (size !== this.#size) {
      // What stood there may have been wrapped, or moved.
      out += `${ESC}2J`
      this.#shown = []
      this.#size = size
    }
    for (const [i, line] of lines.entries()) {
      if (line !== this.#shown[i]) out += `${ESC}${i + 1};1H${line}${ESC}K`
    }
    this.#shown = lines
    if (out !== '') this.#terminal.write(out)
  }

  /** As it was before. Idempotent. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#terminal.write(CLOSE)
  }
}
