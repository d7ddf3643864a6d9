import { sample } from '../../support/sample.mjs'

/** No sessions: the framework alone, with the same requests and the same answers. */
export function bareSystem() {
  return {
    get: (req, name) => (req.headers.cookie === undefined ? undefined : sample[name]),
    set: () => undefined,
    ready: async () => undefined,
  }
}
