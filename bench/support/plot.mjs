// Line charts as SVG, for light and dark pages.
const WIDTH = 400
const HEIGHT = 270
const BOX = { left: 62, top: 34, right: 16, bottom: 48 }
const TICKS = 4

/** Two tones each: for light pages, and for dark ones. Dashes tell the lines apart without colours. */
const STYLES = [
  { light: '#0969da', dark: '#58a6ff', dash: '' },
  { light: '#bc4c00', dark: '#f0883e', dash: '7 3' },
  { light: '#1a7f37', dark: '#3fb950', dash: '2 3' },
  { light: '#8250df', dark: '#bc8cff', dash: '9 3 2 3' },
]

/**
 * @param panels `title`, `x` and `y` (each `label`, and `log` for powers of ten), `lines` (`name`,
 * `points`: pairs); drawn two a row
 */
export function plot(panels) {
  const rows = Math.ceil(panels.length / 2)
  const drawn = panels.map((panel, i) => {
    const at = `translate(${(i % 2) * WIDTH} ${Math.floor(i / 2) * HEIGHT})`
    return `<g transform="${at}">${drawPanel(panel)}</g>`
  })
  const size = `viewBox="0 0 ${WIDTH * 2} ${HEIGHT * rows}"`
  const title = escape(panels.map((panel) => panel.title).join('; '))
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">
<title>${title}</title>
<style>${css()}</style>
${drawn.join('\n')}
</svg>
`
}

function css() {
  const tone = (name) => STYLES.map((s, i) => `.l${i}{stroke:${s[name]}}.m${i}{fill:${s[name]}}`)
  const dashes = STYLES.map(({ dash }, i) => `.l${i}{stroke-dasharray:${dash || 'none'}}`)
  return [
    'text{font:11px system-ui,sans-serif;fill:#424a53}.t{font-weight:600;font-size:13px}',
    'path,line{fill:none;stroke-width:1.8}.a{stroke:#8c959f;stroke-width:1}',
    '.g{stroke:#8c959f;stroke-width:.5;opacity:.35}',
    ...dashes,
    ...tone('light'),
    `@media(prefers-color-scheme:dark){text{fill:#c9d1d9}${tone('dark').join('')}}`,
  ].join('')
}

function drawPanel({ title, x, y, lines }) {
  const points = lines.flatMap((line) => line.points)
  const right = WIDTH - BOX.right
  const bottom = HEIGHT - BOX.bottom
  const across = axis(
    x,
    points.map(([value]) => value),
    BOX.left,
    right,
  )
  const up = axis(
    y,
    points.map(([, value]) => value),
    bottom,
    BOX.top,
  )
  const parts = [text(BOX.left, 18, title, 'start', 't')]
  for (const tick of up.ticks) {
    const at = round(up.place(tick))
    parts.push(`<line class="g" x1="${BOX.left}" y1="${at}" x2="${right}" y2="${at}"/>`)
    parts.push(text(BOX.left - 6, at + 4, short(tick), 'end'))
  }
  for (const tick of across.ticks) {
    parts.push(text(round(across.place(tick)), bottom + 16, short(tick), 'middle'))
  }
  parts.push(`<path class="a" d="M${BOX.left} ${BOX.top}V${bottom}H${right}"/>`)
  parts.push(text((BOX.left + right) / 2, bottom + 34, x.label, 'middle'))
  const turned = `transform="rotate(-90 14 ${(BOX.top + bottom) / 2})"`
  parts.push(text(14, (BOX.top + bottom) / 2, y.label, 'middle', '', turned))
  for (const [i, line] of lines.entries()) {
    const places = line.points.map(([a, b]) => [round(across.place(a)), round(up.place(b))])
    parts.push(`<path class="l${i}" d="M${places.map((place) => place.join(' ')).join('L')}"/>`)
    for (const [a, b] of places) parts.push(`<circle class="m${i}" cx="${a}" cy="${b}" r="2.6"/>`)
    const legend = BOX.top + 6 + i * 15
    const start = BOX.left + 12
    parts.push(
      `<line class="l${i}" x1="${start}" y1="${legend}" x2="${start + 26}" y2="${legend}"/>`,
    )
    parts.push(text(start + 32, legend + 4, line.name, 'start'))
  }
  return parts.join('')
}

/** Where a value stands between `from` and `to`, and which values are written beside the axis. */
function axis({ log }, values, from, to) {
  const most = Math.max(...values)
  if (log) {
    const low = Math.floor(Math.log10(Math.min(...values)))
    const high = Math.ceil(Math.log10(most))
    const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
    return { ticks, place: (v) => from + ((Math.log10(v) - low) / (high - low)) * (to - from) }
  }
  const step = niceStep(most / TICKS)
  const top = Math.ceil((most * 1.25) / step) * step
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step)
  return { ticks, place: (v) => from + (v / top) * (to - from) }
}

/** The next of 1, 2, 5, 10, 20, … */
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least || 1))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least)
}

const text = (x, y, content, anchor, style = '', more = '') =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" class="${style}" ${more}>${escape(content)}</text>`

const round = (value) => Math.round(value * 10) / 10
const short = (value) =>
  value >= 1e6 ? `${value / 1e6} M` : value >= 1e4 ? `${value / 1e3} k` : String(round(value))
const escape = (content) => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
