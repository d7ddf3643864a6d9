const NAMED: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  ' ': 'space',
  '\u001B': 'escape',
  '\u007F': 'backspace',
  '\b': 'backspace',
  '\u0003': 'ctrl-c',
  '\u001B[A': 'up',
  '\u001B[B': 'down',
  '\u001BOA': 'up',
  '\u001BOB': 'down',
}

const ESC = '\u001B'
/** What a key sends that is no character; else one character. */
const SEQUENCE = new RegExp(`${ESC}(?:\\[[\\d;]*[A-Za-z~]|O[A-Z])|[^]`, 'gu')

/** What was pressed, by its name or its character. Several come at once where one types fast. */
export function keysIn(data: string): string[] {
  const sequences = data.match(SEQUENCE) ?? []
  return sequences.flatMap((sequence) => {
    const name = NAMED[sequence]
    if (name !== undefined) return [name]
    // Of other keys that a terminal has nothing is known here.
    return sequence.startsWith(ESC) || /\p{Cc}/u.test(sequence) ? [] : [sequence]
  })
}
