import { call, here } from './api.js'
import { $, h, keyed, setText } from './dom.js'
import { money, plural } from './format.js'
import { failed, onState, own, refresh } from './state.js'

export function startCartPanel() {
  $('empty').addEventListener('click', () => void act('cart/empty', {}))
  onState(show)
}

async function act(path, body) {
  try {
    await call(here, path, body)
    await refresh()
  } catch (error) {
    failed(error, $('race-result'))
  }
}

/** The products, and one line for all that the parallel requests have put in. */
function linesOf({ products, cart }) {
  const lines = products.map((product) => ({
    ...product,
    quantity: cart.find(({ sku }) => sku === product.sku)?.quantity ?? 0,
  }))
  const vouchers = cart.filter(({ sku }) => sku.startsWith('voucher'))
  if (vouchers.length > 0) {
    const quantity = vouchers.reduce((sum, item) => sum + item.quantity, 0)
    const name = vouchers.length === 1 ? 'Voucher' : `Vouchers (${vouchers.length} kinds)`
    lines.push({ sku: 'voucher', name, cents: 0, quantity, fixed: true })
  }
  return lines
}

function make({ sku, name, fixed }) {
  const count = h('output', { className: 'count' })
  const step = (by, text, label) =>
    h(
      'button',
      {
        type: 'button',
        className: 'step',
        'aria-label': label,
        onclick: () => void act('cart', { sku, by }),
      },
      text,
    )
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, name),
    h('td', { className: 'num' }),
    h(
      'td',
      { className: 'num' },
      fixed
        ? count
        : h(
            'span',
            { className: 'stepper' },
            step(-1, '−', `One less: ${name}`),
            count,
            step(1, '+', `One more: ${name}`),
          ),
    ),
    h('td', { className: 'num' }),
  )
}

function show() {
  const data = own()
  if (data === undefined) return
  const lines = linesOf(data)
  keyed(
    $('items'),
    lines,
    ({ sku }) => sku,
    make,
    (row, { name, cents, quantity }) => {
      setText(row.children[0], name)
      setText(row.children[1], cents === 0 ? '–' : money(cents))
      setText(row.querySelector('output'), String(quantity))
      setText(row.children[3], quantity === 0 || cents === 0 ? '–' : money(cents * quantity))
      row.classList.toggle('none', quantity === 0)
      const less = row.querySelector('.step')
      if (less) less.disabled = quantity === 0
    },
  )
  setText($('total'), money(lines.reduce((sum, { cents, quantity }) => sum + cents * quantity, 0)))
  const pieces = lines.reduce((sum, { quantity }) => sum + quantity, 0)
  setText($('cart-note'), `${plural(pieces, 'piece')}; counter “visits” at ${data.visits}`)
  $('empty').disabled = pieces === 0 && data.visits === 0
}
