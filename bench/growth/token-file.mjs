// Tokens of many sessions in a file, one after the other: a node reads a million of them without
// holding them all.
import { closeSync, openSync, readSync, writeSync } from 'node:fs'

const LENGTH = 48

export function createTokenFile(path) {
  const file = openSync(path, 'w')
  return {
    add: (tokens) => writeSync(file, tokens.join('')),
    close: () => closeSync(file),
  }
}

/** @returns tokens `from` to `from + count`, fewer at the end of the file */
export function readTokens(path, from, count) {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(count * LENGTH)
    const length = readSync(file, bytes, 0, bytes.length, from * LENGTH)
    const tokens = []
    for (let at = 0; at < length; at += LENGTH) {
      tokens.push(bytes.latin1Slice(at, at + LENGTH))
    }
    return tokens
  } finally {
    closeSync(file)
  }
}
