import { call, here } from './api.js'
import { $, h, setText } from './dom.js'
import { ms, plural } from './format.js'
import { failed, onState, own, refresh, state, tell } from './state.js'

const SLOW = 300
const LIMIT = 'A browser keeps six connections per node, one of them for the events.'

export function startRacePanel() {
  $('race').addEventListener('submit', (event) => {
    event.preventDefault()
    void race(Number($('race-count').value), $('race-how').value, $('race-slow').checked ? SLOW : 0)
  })
  onState(() => {
    const session = own()?.session
    $('race-go').disabled = state.racing || !session
    setText(
      $('race-hint'),
      !own() || session ? LIMIT : 'Sign in, or put something in the cart first.',
    )
  })
}

/** Sends all requests at once, then reads from both nodes what has been kept. */
async function race(count, how, delay) {
  const result = $('race-result')
  result.className = 'result'
  setText(result, 'Sending …')
  state.racing = true
  tell()
  try {
    const before = await both()
    const run = Math.random().toString(36).slice(2, 8).padEnd(6, '0')
    const requests = ['A', 'B'].flatMap((node) =>
      Array.from({ length: count }, (_, i) => {
        const label = `${node}${i + 1}`
        return { node, label, sku: how === 'update' ? 'voucher' : `voucher-${run}-${label}` }
      }),
    )
    draw(requests)
    const start = performance.now()
    const answers = await Promise.all(
      requests.map(async (request) => {
        const body = { sku: request.sku, how, delay }
        const answer = await call(request.node, 'race', body).catch((error) => ({ error }))
        request.cell.className = `cell ${answer.error ? 'lost' : 'answered'}`
        return answer
      }),
    )
    const took = performance.now() - start
    const after = await both()
    judge({ requests, answers, before, after, how, took })
  } catch (error) {
    failed(error, result)
  } finally {
    state.racing = false
    await refresh()
  }
}

async function both() {
  const [a, b] = await Promise.all([call('A', 'state'), call('B', 'state')])
  return { mine: here === 'A' ? a : b, a, b, conflicts: a.conflicts + b.conflicts }
}

function draw(requests) {
  const rows = ['A', 'B'].map((node) => {
    const row = h('div')
    for (const request of requests.filter((one) => one.node === node)) {
      request.cell = h('span', { className: 'cell sent' }, request.label.slice(1))
      row.append(request.cell)
    }
    return h(
      'div',
      { className: 'cell-row' },
      h('span', { className: 'quiet' }, `Node ${node}`),
      row,
    )
  })
  $('cells').replaceChildren(...rows)
}

/** Only what both nodes read back counts as kept. */
function judge({ requests, answers, before, after, how, took }) {
  const had = new Map(before.mine.cart.map((item) => [item.sku, item.quantity]))
  const keptOn = (data) => {
    const gained = new Map(
      data.cart.map((item) => [item.sku, item.quantity - (had.get(item.sku) ?? 0)]),
    )
    if (how === 'update') return gained.get('voucher') ?? 0
    return requests.filter(({ sku }) => (gained.get(sku) ?? 0) > 0).length
  }
  const kept = Math.min(keptOn(after.a), keptOn(after.b))
  const skus = new Set(after.mine.cart.map(({ sku }) => sku))
  requests.forEach(({ cell, sku }, i) => {
    const isKept = how === 'update' ? kept === requests.length || !answers[i].error : skus.has(sku)
    cell.className = `cell ${isKept ? 'kept' : 'lost'}`
  })
  const all = requests.length
  const visits = after.mine.visits - before.mine.visits
  const conflicts = after.conflicts - before.conflicts
  const refused = answers.filter(({ error }) => error)
  const result = $('race-result')
  result.className = kept === all ? 'result good' : 'result bad'
  result.replaceChildren(
    h('strong', {}, `${kept} of ${all} changes kept`),
    ` · counter ${before.mine.visits} → ${after.mine.visits} (+${visits})`,
    ` · ${plural(conflicts, 'conflict')} merged`,
    ` · up to ${overlap(answers)} at work at the same time · ${ms(took)}`,
    ...(refused.length > 0
      ? [` · ${refused.length} refused: ${refused[0].error.code}, ${refused[0].error.message}`]
      : []),
  )
}

/** The most handlers that were between their read and their write at one moment; both nodes share a clock. */
function overlap(answers) {
  const edges = answers
    .filter(({ error }) => !error)
    .flatMap(({ from, to }) => [
      [from, 1],
      [to, -1],
    ])
    .sort(([a, x], [b, y]) => a - b || x - y)
  let current = 0
  let most = 0
  for (const [, step] of edges) {
    current += step
    most = Math.max(most, current)
  }
  return most
}
