import { plain, span } from './table.ts'

/** Between two lines where nobody looks at a bar, milliseconds. */
const EVERY = 5_000
const BAR = 30

/** Before so long, and before so much is done, nobody can say how long it takes. Milliseconds. */
const ESTIMATED_AFTER = 2_000
const ESTIMATED_FROM = 0.01

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
  const started = Date.now()
  let next = started + (isDrawn ? 0 : every)
  return {
    set(done, total) {
      if (Date.now() < next) return
      next = Date.now() + every
      const part = Math.min(done / Math.max(total, 1), 1)
      const left = timeLeft(part, Date.now() - started)
      const text = `${what} ${shown(Math.min(done, total))} of about ${shown(total)}${left}`
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

/** @param part of all that is done. @param elapsed since it was begun, milliseconds */
export function timeLeft(part: number, elapsed: number): string {
  if (elapsed < ESTIMATED_AFTER || part < ESTIMATED_FROM || part >= 1) return ''
  return `, about ${span((elapsed / part) * (1 - part))} left`
}

/** 1234567 → 1,234,567 */
export const shown = (count: number): string => count.toLocaleString('en')
