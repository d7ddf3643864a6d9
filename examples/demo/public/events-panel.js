import { here, origins } from './api.js'
import { $, h, setText } from './dom.js'
import { clock } from './format.js'
import { own, refresh, refreshSoon, state } from './state.js'

const MOST_ROWS = 100
/** Shape, look and word of each event. */
const MARKS = {
  created: '○',
  login: '●',
  changed: '·',
  rotated: '↻',
  conflict: '◆',
  rejected: '×',
  logout: '□',
  revoked: '■',
  evicted: '▣',
  expired: '◌',
  dropped: '▲',
}
const sources = new Map()
/** By node: id of the last event that was shown. */
const last = new Map()
let dropped = 0

/** Streams are open only while the page is seen: a browser has few connections per node. */
export function startEventsPanel() {
  $('events-clear').addEventListener('click', () => {
    $('event-rows').replaceChildren()
    dropped = 0
    note()
  })
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) close()
    else {
      open()
      void refresh()
    }
  })
  addEventListener('pagehide', close)
  addEventListener('pageshow', (event) => {
    if (event.persisted) open()
  })
  open()
}

function open() {
  for (const node of ['A', 'B']) {
    if (sources.has(node)) continue
    const after = last.get(node)
    const source = new EventSource(`${origins[node]}/api/events${after ? `?after=${after}` : ''}`)
    sources.set(node, source)
    let broken = false
    source.addEventListener('open', () => {
      showLive()
      if (broken) void refresh()
      broken = false
    })
    source.addEventListener('error', () => {
      if (!broken) refreshSoon()
      broken = true
      showLive()
      // Refused rather than cut: the browser does not try again by itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => reopen(node, source), 2_000)
    })
    source.addEventListener('message', ({ data }) => add(JSON.parse(data)))
    source.addEventListener('store', ({ data }) => {
      if (node === here && JSON.parse(data).ok === (state.problem !== undefined)) void refresh()
    })
  }
}

function reopen(node, source) {
  if (sources.get(node) !== source) return
  sources.delete(node)
  open()
}

function close() {
  for (const source of sources.values()) source.close()
  sources.clear()
}

function showLive() {
  const missing = ['A', 'B'].filter((node) => sources.get(node)?.readyState !== EventSource.OPEN)
  $('live').classList.toggle('off', missing.length > 0)
  setText(
    $('live-text'),
    missing.length === 0 ? 'events live' : `no events from node ${missing.join(', ')}`,
  )
}

function add(event) {
  last.set(event.node, event.id)
  const session = own()?.session
  const isOwn = session !== undefined && session !== null && event.session === session.id
  const rows = $('event-rows')
  // The two nodes' streams arrive side by side; the newest stands first.
  const older = [...rows.children].find((row) => Number(row.dataset.at) <= event.at)
  rows.insertBefore(
    h(
      'tr',
      { className: isOwn ? 'own' : undefined, 'data-at': event.at },
      h('td', { className: 'num' }, clock(event.at, true)),
      h('td', {}, h('span', { className: `badge small badge-${event.node}` }, event.node)),
      h(
        'td',
        { className: `event event-${event.name}` },
        h('span', { className: 'mark', 'aria-hidden': 'true' }, MARKS[event.name] ?? '·'),
        event.name,
      ),
      h('td', { className: 'mono' }, event.session ?? '–'),
      h('td', {}, detailOf(event)),
    ),
    older ?? null,
  )
  while (rows.children.length > MOST_ROWS) {
    rows.lastChild.remove()
    dropped += 1
  }
  note()
  if (isOwn || (session?.principal !== undefined && event.principal === session.principal))
    refreshSoon()
}

function detailOf({ name, principal, previous, reason, attributes }) {
  const parts = []
  if (principal) parts.push(principal)
  if (previous) parts.push(`follows ${previous}`)
  if (reason) parts.push(reason)
  if (attributes?.length) parts.push(attributes.join(', '))
  if (name === 'conflict') parts.push('another writer was first; rebased and tried again')
  return parts.join(' · ')
}

function note() {
  const text = 'public session ids, shortened; never a token'
  setText(
    $('events-note'),
    dropped === 0 ? text : `the last ${MOST_ROWS}; ${dropped} older ones left out`,
  )
}
