import { readFileSync } from 'node:fs'

export const sample = JSON.parse(
  readFileSync(new URL('../sample-session.json', import.meta.url), 'utf8'),
)

/** The sample with so many lines in its cart that it has `bytes` of JSON. */
function sampleOf(bytes) {
  const data = structuredClone(sample)
  for (let i = 0; JSON.stringify(data).length < bytes; i++) {
    data.cart.push({ sku: `D-${(i * 7919) % 10_000}`, qty: 1 + (i % 9), price: (i * 613) % 5_000 })
  }
  return data
}

/**
 * What the routes of every row do and answer: plain text, the same for all.
 * @param system `get(req, name)`, `set(req, name, value)`
 */
export function createHandlers({ get, set }) {
  let handled = 0
  let writes = 0
  return {
    counts: () => ({ requests: handled, writes }),
    read(req) {
      handled += 1
      const theme = get(req, 'theme')
      return theme === undefined ? 'anonymous' : `${theme} ${get(req, 'locale')}`
    },
    write(req) {
      handled += 1
      writes += 1
      const views = (get(req, 'views') ?? 0) + 1
      set(req, 'views', views)
      return String(views)
    },
    views: (req) => String(get(req, 'views') ?? 0),
    seed(req, bytes) {
      for (const [name, value] of Object.entries(sampleOf(bytes))) set(req, name, value)
      return 'seeded'
    },
  }
}
