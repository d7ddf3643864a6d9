const [CHARACTER, LINE, MARGIN, BAR] = [7.83, 18, 16, 28]
const BACKGROUND = '#16181d'
const TEXT = '#d7dae0'
const DIM = '#8b92a0'
const COLOURS = {
  ...{ 30: '#4b5263', 31: '#f0757d', 32: '#8fca72', 33: '#e6b450', 34: '#6cb0f2' },
  ...{ 35: '#c792ea', 36: '#5fc6c9', 37: TEXT, 90: DIM },
}

const STYLE = new RegExp(`${String.fromCodePoint(27)}\\[([\\d;]*)m`, 'g')

/** @returns runs of text of one style each */
function runsOf(line) {
  const runs = []
  let style = { colour: TEXT, bold: false, inverse: false }
  let at = 0
  for (const found of [...line.matchAll(STYLE), undefined]) {
    const text = line.slice(at, found?.index)
    if (text !== '') runs.push({ text, style })
    if (found === undefined) return runs
    at = found.index + found[0].length
    for (const code of found[1].split(';').map(Number)) style = styled(style, code)
  }
  return runs
}

function styled(style, code) {
  if (code === 0) return { colour: TEXT, bold: false, inverse: false }
  if (code === 1) return { ...style, bold: true }
  if (code === 2) return { ...style, colour: DIM }
  if (code === 22)
    return { ...style, bold: false, colour: style.colour === DIM ? TEXT : style.colour }
  if (code === 7 || code === 27) return { ...style, inverse: code === 7 }
  if (code === 39) return { ...style, colour: TEXT }
  return code in COLOURS ? { ...style, colour: COLOURS[code] } : style
}

const escaped = (text) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    // Those at the edges would be dropped.
    .replaceAll(' ', '\u00A0')
const round = (value) => Math.round(value * 100) / 100

/** @returns what a terminal shows of `lines`, with their colours, as an SVG */
export function terminalPicture(title, lines) {
  const all = lines.map(runsOf)
  const columns = Math.max(
    ...all.map((runs) => runs.reduce((sum, { text }) => sum + [...text].length, 0)),
  )
  const width = Math.ceil(columns * CHARACTER + 2 * MARGIN)
  const height = lines.length * LINE + 2 * MARGIN + BAR

  const drawn = all.flatMap((runs, row) => {
    let column = 0
    const y = BAR + MARGIN + row * LINE + 13
    return runs.flatMap(({ text, style: { colour, bold, inverse } }) => {
      const length = [...text].length
      const x = round(MARGIN + column * CHARACTER)
      column += length
      if (text.trim() === '' && !inverse) return []
      const size = round(length * CHARACTER)
      const box = inverse
        ? [`<rect x="${x}" y="${y - 13}" width="${size}" height="${LINE}" fill="${colour}"/>`]
        : []
      // textLength: fonts differ in width, columns must not.
      return [
        ...box,
        `<text x="${x}" y="${y}" textLength="${size}" fill="${inverse ? BACKGROUND : colour}"${bold ? ' font-weight="600"' : ''}>${escaped(text)}</text>`,
      ]
    })
  })

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
  <rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>
  <g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="13" lengthAdjust="spacing">
  <text x="${MARGIN}" y="22" fill="${DIM}">${escaped(title)}</text>
  ${drawn.join('\n')}
  </g>
  </svg>
  `
}
