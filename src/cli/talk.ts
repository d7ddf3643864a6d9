import { progress } from '@clack/prompts'

/** Between two lines where nobody looks at a bar, milliseconds. */
const EVERY = 5_000

export interface Bar {
  /** @param done of `total`; both may change */
  set(done: number, total: number): void
  /** @param line what is left to read */
  end(line: string): void
}

/** Talk goes to stderr: what a command answers is on stdout alone. */
export const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** A bar where there is a terminal, a line every few seconds where there is none. */
export function startBar(what: string): Bar {
  return process.stderr.isTTY ? drawn(what) : written(what)
}

function drawn(what: string): Bar {
  const max = 1_000
  const bar = progress({ max, output: process.stderr })
  bar.start(what)
  let at = 0
  return {
    set(done, total) {
      const now = Math.floor((done / Math.max(total, 1)) * max)
      if (now <= at) return
      bar.advance(now - at, `${what} ${shown(done)} of ${shown(total)}`)
      at = now
    },
    end: (line) => bar.stop(line),
  }
}

function written(what: string): Bar {
  let next = Date.now() + EVERY
  return {
    set(done, total) {
      if (Date.now() < next) return
      next = Date.now() + EVERY
      say(`${what} ${shown(done)} of ${shown(total)}`)
    },
    end: say,
  }
}

/** 1234567 → 1,234,567 */
export const shown = (count: number): string => count.toLocaleString('en')
