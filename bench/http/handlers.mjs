import { sampleOf } from '../support/sample.mjs'

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
