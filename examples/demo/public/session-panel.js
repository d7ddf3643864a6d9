import { call, here, origins, there } from './api.js'
import { $, h, keyed, setText } from './dom.js'
import { left, moment, ms } from './format.js'
import { failed, now, onState, own, refresh, state } from './state.js'

export function startSessionPanel() {
  for (const name of ['A', 'B']) {
    setText($(`port-${name}`), new URL(origins[name]).port)
    if (name === here) $(`link-${name}`).setAttribute('aria-current', 'page')
  }
  $('open-other').href = `${origins[there]}/`
  setText($('open-other'), `Open node ${there}: signed in there too`)

  $('sign-in').addEventListener('change', () => {
    const other = $('person-other').checked
    $('name-field').hidden = !other
    $('name').required = other
    if (other) $('name').focus()
  })
  $('sign-in').addEventListener('submit', (event) => {
    event.preventDefault()
    const chosen = new FormData(event.target).get('person')
    void act('login', { name: chosen || $('name').value, remember: $('remember').checked }, () => {
      $('sign-out').focus()
      return `Signed in on node ${here}; node ${there} knows it too.`
    })
  })
  $('sign-out').addEventListener('click', () => {
    void act('logout', {}, () => {
      $('sign-in').querySelector('button').focus()
      return 'Signed out. The other devices stay signed in.'
    })
  })
  onState(show)
  setInterval(tick, 1000)
}

async function act(path, body, done) {
  const result = $('session-result')
  state.acting = true
  try {
    await call(here, path, body)
    await refresh()
    result.className = 'result'
    setText(result, done())
  } catch (error) {
    failed(error, result)
  } finally {
    state.acting = false
  }
}

/** The last principal that the page knew. */
let before

function show() {
  const session = own()?.session
  const signedIn = session?.principal !== undefined
  const known = own() !== undefined
  $('sign-in').hidden = !known || signedIn
  $('signed-in').hidden = !signedIn
  $('facts').hidden = !session
  setText($('session-note'), noteOf(known, session))
  if (session) showFacts(session)
  if (known && before !== session?.principal) {
    if (!state.acting) tellChange(before, session?.principal)
    before = session?.principal
  }
  showBoth()
  tick()
}

/** Somebody else was it: another page, another device, the clock. */
function tellChange(from, to) {
  const text =
    to === undefined ? 'This session has ended: signed out elsewhere, or its time was up.' : ''
  $('session-result').className = 'result'
  setText($('session-result'), from === undefined ? '' : text)
  setText($('devices-result'), '')
}

function noteOf(known, session) {
  if (!known) return state.problem ? 'unknown' : 'asking both nodes …'
  const stale = state.problem ? ', as last known' : ''
  if (!session) return `signed out; nothing is stored${stale}`
  return `${session.principal === undefined ? 'anonymous' : 'signed in'}${stale}`
}

function showFacts(session) {
  const rows = [
    ['who', 'Signed in as', session.principal ?? 'nobody yet'],
    ['id', 'Public id', session.id],
    ['created', 'Created', moment(session.createdAt)],
    ['idle', 'Ends if idle', ''],
    ['absolute', 'Ends anyway', ''],
    ['cookie', 'Cookie', session.remembered ? 'outlives the browser' : 'ends with the browser'],
  ]
  const make = ([key, label]) =>
    h('div', {}, h('dt', {}, label), h('dd', { id: `fact-${key}`, className: 'num' }))
  keyed(
    $('facts'),
    rows,
    ([key]) => key,
    make,
    (row, [key, , value]) => {
      if (value !== '') setText(row.lastChild, value)
      row.lastChild.classList.toggle('mono', key === 'id')
    },
  )
}

/** The deadlines count down; when one has passed the nodes are asked. */
let asked
function tick() {
  const session = own()?.session
  if (!session || !$('fact-idle')) return
  const idle = session.expiresAt - now()
  const absolute = session.deadline - now()
  setText($('fact-idle'), `in ${left(idle)} (${moment(session.expiresAt)})`)
  setText($('fact-absolute'), `in ${left(absolute)} (${moment(session.deadline)})`)
  if (Math.min(idle, absolute) < -500 && asked !== session.expiresAt) {
    asked = session.expiresAt
    void refresh()
  }
}

function showBoth() {
  const make = (node) =>
    h(
      'tr',
      {},
      h(
        'th',
        { scope: 'row' },
        h('span', { className: `badge small badge-${node}`, 'aria-hidden': 'true' }, node),
        ` Node ${node}${node === here ? ' (this page)' : ''}`,
      ),
      h('td', { className: 'says' }),
      h('td', { className: 'mono' }),
      h('td', { className: 'num' }),
    )
  keyed(
    $('both').tBodies[0],
    ['A', 'B'],
    (node) => node,
    make,
    (row, node) => {
      const answer = state.nodes[node]
      const session = answer?.ok ? answer.data.session : undefined
      const [, says, id, time] = row.children
      setText(says, saysOf(answer))
      says.className = `says ${answer && !answer.ok ? 'bad' : session?.principal ? 'good' : 'quiet'}`
      setText(id, session?.id ?? '–')
      setText(time, answer?.ok ? ms(answer.ms) : '–')
    },
  )
}

function saysOf(answer) {
  if (answer === undefined) return '…'
  if (!answer.ok) return answer.error.status ? `${answer.error.status} unavailable` : 'no answer'
  const { session } = answer.data
  if (!session) return 'signed out'
  return session.principal === undefined ? 'anonymous' : session.principal
}
