import { beforeEach, describe, expect, it } from 'vitest'
import { keysIn } from '../../../src/cli/top/keys.ts'
import { Screen } from '../../../src/cli/top/screen.ts'

let written: string[]
const terminal = { columns: 80, rows: 24, write: (text: string) => written.push(text) }
beforeEach(() => {
  written = []
  terminal.columns = 80
})

const at = (row: number, line: string) => `\u001B[${row};1H${line}\u001B[K`

describe('the screen', () => {
  it('writes only the lines that have changed', () => {
    const screen = new Screen(terminal)
    screen.open()
    screen.draw(['one', 'two', 'three'])
    written = []
    screen.draw(['one', 'TWO', 'three'])
    expect(written).toEqual([at(2, 'TWO')])
    written = []
    screen.draw(['one', 'TWO', 'three'])
    expect(written).toEqual([])
  })

  it('draws all anew when the terminal has another size', () => {
    const screen = new Screen(terminal)
    screen.open()
    screen.draw(['one', 'two'])
    written = []
    terminal.columns = 40
    screen.draw(['one', 'two'])
    expect(written).toEqual([`\u001B[2J${at(1, 'one')}${at(2, 'two')}`])
  })

  it('leaves the terminal as it was, once', () => {
    const screen = new Screen(terminal)
    screen.close()
    expect(written).toEqual([])
    screen.open()
    expect(written.join('')).toMatch(/\?1049h.*\?25l.*\?7l/)
    written = []
    screen.close()
    screen.close()
    screen.draw(['late'])
    expect(written).toEqual(['\u001B[?7h\u001B[?25h\u001B[?1049l'])
  })

  it('takes the usual size where the terminal tells none', () => {
    for (const size of [{}, { columns: 0, rows: 0 }]) {
      const screen = new Screen({ write: () => undefined, ...size })
      expect([screen.width, screen.height]).toEqual([80, 24])
    }
  })
})

it.each([
  ['s', ['s']],
  ['ab', ['a', 'b']],
  ['\u001B[A\u001B[Bq', ['up', 'down', 'q']],
  ['\u001BOA', ['up']],
  ['\u001B', ['escape']],
  ['\u001B[5~\u001B[1;5Cx', ['x']],
  [' \r\u007F\u0003', ['space', 'enter', 'backspace', 'ctrl-c']],
  ['\u0001\u009Bä日', ['ä', '日']],
])('%j is %j', (data, keys) => {
  expect(keysIn(data)).toEqual(keys)
})
