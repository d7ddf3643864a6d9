import { expect, it } from 'vitest'
import { freePort } from '../support/redis-server.ts'
import { child } from './setup.ts'

const PROGRAM = new URL('nodes/absent-node.ts', import.meta.url)

// A process that nothing keeps alive ends in the middle of a wait, without a word.
it.each(['host', 'sentinels', 'cluster'])(
  'I7 no server is there at start (%s): whoever waits for it is told so',
  async (kind) => {
    const port = await freePort()
    const redis = kind === 'host' ? { host: '127.0.0.1', port } : { [kind]: [`127.0.0.1:${port}`] }
    const node = await child(PROGRAM, redis)
    expect(await node.ask('problem')).toBe('ERR_SOJOURN_STORE_UNAVAILABLE')
  },
)
