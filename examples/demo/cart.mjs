/** @typedef {{ sku: string, quantity: number }} Item */

export const PRODUCTS = [
  { sku: 'tea', name: 'Oolong tea, 100 g', cents: 890 },
  { sku: 'cup', name: 'Stoneware cup', cents: 1450 },
  { sku: 'pencil', name: 'Pencil, soft', cents: 160 },
  { sku: 'lamp', name: 'Reading lamp', cents: 5900 },
]
/** What the parallel requests put in: one each, or one more of the same. */
const VOUCHER = /^voucher(?:-[a-z0-9]{6}-[AB]\d{1,2})?$/
const MOST_ITEMS = 120
const MOST_QUANTITY = 999

export const isSku = (/** @type {unknown} */ sku) =>
  typeof sku === 'string' && (VOUCHER.test(sku) || PRODUCTS.some((product) => product.sku === sku))

/**
 * The cart with `by` more of an item; an item of which nothing is left goes.
 * @param {readonly Item[]} cart
 * @param {string} sku
 * @param {number} by
 * @returns {Item[]}
 */
export function change(cart, sku, by) {
  const before = cart.find((item) => item.sku === sku)?.quantity ?? 0
  const quantity = Math.min(Math.max(before + by, 0), MOST_QUANTITY)
  if (before === 0) return quantity === 0 ? [...cart] : [...cart, { sku, quantity }]
  return cart
    .map((item) => (item.sku === sku ? { sku, quantity } : item))
    .filter((item) => item.quantity > 0)
}

export const isFull = (/** @type {readonly Item[]} */ cart) => cart.length >= MOST_ITEMS
