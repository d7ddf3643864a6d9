/** Options, and what is not as with express-session. */
import { describe } from 'vitest'
import { beyondCases } from './express-compat/beyond.ts'
import { dropInCases } from './express-compat/drop-in.ts'
import { optionCases } from './express-compat/options.ts'
import { versions } from './express-compat/versions.ts'

describe.each(versions)('$name', (version) => {
  optionCases(version)
  beyondCases(version)
  dropInCases(version)
})
