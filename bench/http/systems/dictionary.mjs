import { toDictionary } from '../../../dist/frameworks/node/dictionary.js'
import { bareSystem } from './bare.mjs'

/** No sessions, and what our adapter for Express does to its objects. */
export const dictionarySystem = () => ({
  ...bareSystem(),
  middleware(req, res, next) {
    toDictionary(req, 'url')
    toDictionary(res, 'req')
    next()
  },
})
