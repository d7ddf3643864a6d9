import { describe, expect, it } from 'vitest'
import { cookies } from './express-compat/rows/cookies.ts'
import { endingRows } from './express-compat/rows/endings.ts'
import { methods } from './express-compat/rows/methods.ts'
import { storeRows } from './express-compat/rows/store.ts'
import { storing } from './express-compat/rows/storing.ts'
import { valueRows } from './express-compat/rows/values.ts'
import { compare } from './express-compat/side-by-side.ts'
import { versions } from './express-compat/versions.ts'

describe.each(versions)('$name, as express-session', (version) => {
  const topics = {
    storing,
    cookies,
    methods,
    endings: endingRows,
    values: valueRows,
    store: storeRows,
  }
  describe.each(Object.entries(topics))('%s', (_, rows) => {
    it.each(Object.entries(rows))('%s', async (__, row) => {
      const { ours, theirs } = await compare(version, row)
      expect(ours).toEqual(theirs)
      // A row of which nothing comes compares nothing.
      expect(theirs.length).toBeGreaterThan(0)
    })
  })
})
