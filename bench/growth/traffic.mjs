import { readTokens } from './token-file.mjs'

const TICK = 10
/** Within so long each session is read once on each node: what another has written is read again. */
const READ_CYCLE = 100

/**
 * For `ms`: reads all the sessions over and over, and writes to its own share of them, evenly spread
 * over the time.
 * @param options `node` of `nodes`, `writesPerSecond` of this node
 * @returns how many `reads` and `writes` were done
 */
export async function runTraffic(sessions, requestOf, options) {
  const { file, count, ms, node, nodes, writesPerSecond } = options
  const requests = readTokens(file, 0, count).map(requestOf)
  const own = requests.filter((_, i) => i % nodes === node)
  const pending = new Set()
  /** @type {Error | undefined} */
  let failure
  const track = (promise) => {
    const settled = promise
      .catch((error) => {
        failure ??= error
      })
      .finally(() => pending.delete(settled))
    pending.add(settled)
  }
  let reads = 0
  let writes = 0
  const readNext = () => {
    const answered = sessions.exchange({}, requests[reads % requests.length])
    reads += 1
    if (answered instanceof Promise) track(answered)
  }
  const writeNext = async (request) => {
    const { session } = await sessions.exchange({}, request)
    session.set('views', (session.get('views') ?? 0) + 1)
    await session.commit()
  }

  const start = performance.now()
  for (;;) {
    const passed = performance.now() - start
    if (passed >= ms || failure !== undefined) break
    const readsDue = Math.ceil((passed / READ_CYCLE) * count)
    for (let left = readsDue - reads; left > 0; left--) readNext()
    const writesDue = Math.ceil((passed / 1_000) * writesPerSecond)
    for (; writes < writesDue; writes++) {
      track(writeNext(own[writes % own.length]))
    }
    await new Promise((resolve) => setTimeout(resolve, TICK))
  }
  await Promise.all(pending)
  if (failure !== undefined) throw failure
  return { reads, writes }
}
