import { call, here } from './api.js'
import { $, h, setText } from './dom.js'
import { ms, plural } from './format.js'
import { failed, onState, own, refresh, state } from './state.js'

export function startEverywherePanel() {
  $('everywhere-go').addEventListener('click', () => void signOut())
  onState(() => {
    const principal = own()?.session?.principal
    $('everywhere-go').disabled = principal === undefined
    setText($('everywhere-hint'), principal === undefined && own() ? 'Nobody is signed in.' : '')
  })
}

async function signOut() {
  const result = $('everywhere-result')
  $('everywhere-go').disabled = true
  state.acting = true
  try {
    const measured = await call(here, 'sign-out-everywhere', {})
    await refresh()
    for (const id of ['session-result', 'devices-result']) setText($(id), '')
    result.className = ''
    result.replaceChildren(...report(measured))
    result.focus({ preventScroll: true })
  } catch (error) {
    failed(error, result)
  } finally {
    state.acting = false
  }
}

function report(measured) {
  const { by, node, ended, revokeMs, refusedMs, late } = measured
  const out = ['A', 'B'].filter((name) => {
    const answer = state.nodes[name]
    return answer?.ok && answer.data.session?.principal === undefined
  })
  const facts = [
    ['Ended', plural(ended, 'session')],
    ['Signed out now', out.map((name) => `node ${name}`).join(' and ') || 'on no node'],
    [`Call on node ${by}`, `acknowledged after ${ms(revokeMs)}`],
  ]
  if (refusedMs !== null) facts.push(['Accepted after that', `${late} requests to node ${node}`])
  const head =
    refusedMs === null
      ? h('p', { className: 'figure bad' }, `Node ${node} did not answer while it was asked.`)
      : h(
          'p',
          { className: 'figure' },
          h('b', { className: 'num' }, ms(refusedMs)),
          ` after the sign-out node ${node} refused the session`,
        )
  const list = facts.map(([label, value]) =>
    h('div', {}, h('dt', {}, label), h('dd', { className: 'num' }, value)),
  )
  return [
    head,
    h('dl', { className: 'facts' }, ...list),
    h('p', { className: 'quiet small-text' }, howMeasured(measured)),
  ]
}

/** What the figure is, so that nobody has to guess. */
function howMeasured({ by, node, known, refusedMs, requests, roundTripMs }) {
  if (refusedMs === null) return 'The sign-out itself was carried out. There is no figure.'
  const before = known ? 'accepted before the sign-out' : 'not accepted even before the sign-out'
  const itself = roundTripMs === null ? '' : ` One such request takes ${ms(roundTripMs)} by itself.`
  return (
    `Node ${by} asked node ${node} over HTTP with this session's cookie, one request after the other: ` +
    `${before}, then ${plural(requests, 'request')} until the refusal. The time runs from the call of ` +
    `revokeAll to the arrival of the refusal, both nodes in one process on this machine.${itself}`
  )
}
