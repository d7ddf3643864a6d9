import { plain } from './table.ts'

/** Between two lines where nobody looks at a bar, milliseconds. */
const EVERY = 5_000
const BAR = 30

export interface Bar {
  /** @param done of about `total`; both may change */
  set(done: number, total: number): void
  /** @param line what is left to read */
  end(line: string): void
}

/** Talk goes to stderr: what a command answers is on stdout alone. What servers have said may be in it: it is shown, not obeyed. */
export const say = (text: string): void =>
  void process.stderr.write(`${text.split('\n').map(plain).join('\n')}\n`)

/**
 * A bar where there is a terminal, a line every few seconds where there is none. Our own, because what libraries draw
 * takes the keyboard, and with it Ctrl-C.
 */
export function startBar(what: string): Bar {
  const { stderr } = process
  const isDrawn = stderr.isTTY && stderr.columns >= BAR + what.length + BAR
  const every = isDrawn ? 100 : EVERY
  let next = Date.now() + (isDrawn ? 0 : every)
  return {
    set(done, total) {
      if (Date.now() < next) return
      next = Date.now() + every
      const part = Math.min(done / Math.max(total, 1), 1)
      const text = `${what} ${shown(done)} of about ${shown(total)}`
      if (!isDrawn) return say(text)
      const full = Math.round(part * BAR)
      stderr.write(`\r${'━'.repeat(full)}${'─'.repeat(BAR - full)} ${text}\u001B[K`)
    },
    end: (line) => {
      if (isDrawn) stderr.write(`\r${plain(line)}\u001B[K\n`)
      else say(line)
    },
  }
}

/** 1234567 → 1,234,567 */
export const shown = (count: number): string => count.toLocaleString('en')
