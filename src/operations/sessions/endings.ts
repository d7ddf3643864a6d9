import type { SessionId } from '../../core/engine.ts'
import type { Catalogue } from './catalogue.ts'

export type EndingTarget =
  | { readonly ids: readonly SessionId[] }
  | { readonly principal: string; readonly except?: SessionId | undefined }

export interface EndingOptions {
  /** Who does it, for the audit. */
  readonly operator: string
  readonly reason?: string | undefined
  /** By which the ids were chosen: then nobody asks again for each of them. */
  readonly filter?: string | undefined
  /** Told of how many are done with. */
  readonly progress?: (done: number) => void
}

export interface Ended {
  /** How many there were. */
  readonly found: number
  readonly revoked: number
  /** Whether the primary was asked again, and has none of them any more. */
  readonly verified: boolean
  /** Milliseconds until then. */
  readonly took: number
}

/** Sessions that are asked for, or ended, at once. */
const AT_ONCE = 32

/**
 * Those of them that are there, by the ids that they have now.
 * @throws OptionError without secrets for a principal's; StoreUnavailableError, StoreRefusedError
 */
export async function sessionsOf(catalogue: Catalogue, target: EndingTarget): Promise<SessionId[]> {
  if ('principal' in target) {
    const { principal, except } = target
    const spared = except === undefined ? undefined : await catalogue.find(except)
    return (await catalogue.of(principal)).map(({ id }) => id).filter((id) => id !== spared)
  }
  const found = new Set<SessionId>()
  await forEach(target.ids, async (asked) => {
    const id = await catalogue.find(asked)
    if (id !== undefined) found.add(id)
  })
  return [...found]
}

/**
 * Ends them on every node. The audit is told before: where it cannot be, nothing ends.
 * @param found as `sessionsOf` has counted them, or whoever has chosen them
 * @throws StoreUnavailableError, StoreRefusedError: some may have ended
 */
export async function endSessions(
  catalogue: Catalogue,
  target: EndingTarget,
  found: readonly SessionId[],
  { operator, reason, filter, progress = () => undefined }: EndingOptions,
): Promise<Ended> {
  const started = performance.now()
  const principal = 'principal' in target ? target.principal : undefined
  const id = principal === undefined && found.length === 1 ? found[0] : undefined
  const about = { id, operator, reason, principal, filter, found: found.length }
  await catalogue.begin({ ...about, action: 'revoke' })
  let revoked = 0
  let verified = false
  try {
    if ('principal' in target) {
      revoked = (await catalogue.revokeAllOf(target.principal, target.except)).count
    } else {
      let done = 0
      await forEach(found, async (each) => {
        if (await catalogue.revoke(each)) revoked++
        progress(++done)
      })
    }
    if (filter === undefined) verified = !(await isAnyThere(catalogue, found))
  } finally {
    const isAsked = filter === undefined
    await catalogue.end({
      ...about,
      action: 'revoked',
      revoked,
      verified: isAsked ? verified : undefined,
    })
  }
  return { found: found.length, revoked, verified, took: performance.now() - started }
}

async function isAnyThere(catalogue: Catalogue, ids: readonly SessionId[]): Promise<boolean> {
  let isThere = false
  await forEach(ids, async (id) => {
    if (!isThere && (await catalogue.find(id)) !== undefined) isThere = true
  })
  return isThere
}

/** A bounded number at once. After the first that fails no further one is begun. */
async function forEach<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0
  const one = async (): Promise<void> => {
    while (next < items.length) {
      try {
        await work(items[next++] as Item)
      } catch (error) {
        next = items.length
        throw error
      }
    }
  }
  const all = await Promise.allSettled(Array.from({ length: AT_ONCE }, one))
  for (const result of all) if (result.status === 'rejected') throw result.reason
}
