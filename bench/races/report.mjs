const number = (value) => value.toLocaleString('en-US')

/** The two systems side by side: results of `runRows`, with a `title` each. */
export function table(peer, own) {
  const texts = ['', '', '', ...peer.rows.map((row) => row.name)]
  const races = ['', '', 'races', ...peer.rows.map((row) => number(row.races))]
  const columns = [left(texts), right(races), group(peer), group(own)]
  const lines = texts.map((_, i) => columns.map((column) => column[i]).join('   '))
  lines.splice(3, 0, '-'.repeat(lines[0].length))
  return lines.map((line) => line.trimEnd()).join('\n')
}

/** Two columns under one title, which takes two lines where it names two packages. */
function group({ title, rows }) {
  const [first, second = ''] = title.split(/ (?=\+ )/)
  const forced = right(['forced', ...rows.map((row) => number(row.forced))])
  const count = right(['count', ...rows.map((row) => number(row.bad))])
  return right([first, second, ...forced.map((cell, i) => `${cell}  ${count[i]}`)])
}

const widthOf = (cells) => Math.max(...cells.map((cell) => cell.length))
const left = (cells) => cells.map((cell) => cell.padEnd(widthOf(cells)))
const right = (cells) => cells.map((cell) => cell.padStart(widthOf(cells)))

/** What keeps the run from proving its point, one line each. */
export function problems(peer, own) {
  const found = []
  for (const system of [peer, own]) {
    for (const { name, races, forced, bad, failed, examples } of system.rows) {
      const wrong = []
      if (failed > 0) wrong.push(`${failed} races broke`)
      if (forced < races) wrong.push(`${races - forced} races were not forced`)
      if (system === own && bad > 0) wrong.push(`${bad} and not 0`)
      if (wrong.length === 0) continue
      found.push(`${system.title}: ${name}: ${wrong.join(', ')}`)
      for (const text of examples) found.push(`  ${text}`)
    }
  }
  return found
}
