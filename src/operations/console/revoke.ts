import { isSessionId } from '../../core/token.ts'
import type { Catalogue } from '../sessions/catalogue.ts'
import { countOf, type EndingTarget, endSessions, sessionsOf } from '../sessions/endings.ts'
import type { RevokeAnswer } from './api.ts'
import { badRequest, Problem } from './problem.ts'
import { isWellFormed } from './query.ts'
import { requireSecrets } from './sessions.ts'

const MOST_IDS = 1_000
const LONGEST_REASON = 200
const LONGEST_PRINCIPAL = 1_024
const KNOWN: ReadonlySet<string> = new Set(['target', 'reason', 'count', 'dry'])

/**
 * Counts, or ends what was counted.
 * @throws Problem, also where there are others than were counted; StoreUnavailableError, StoreRefusedError
 */
export async function revoke(
  catalogue: Catalogue,
  operator: string,
  body: Readonly<Record<string, unknown>>,
): Promise<RevokeAnswer> {
  const unknown = Object.keys(body).find((name) => !KNOWN.has(name))
  if (unknown !== undefined) throw badRequest(`\`${unknown}\` is not known.`)
  const { dry = false, count } = body
  if (typeof dry !== 'boolean') throw badRequest('`dry` takes true or false.')
  const target = targetIn(body['target'])
  // The principal's name is sealed with the secrets: not even their number is known without.
  if ('principal' in target) requireSecrets(catalogue)
  const reason = reasonIn(body['reason'], dry)
  const started = performance.now()
  const there = await countOf(catalogue, target)
  if (dry) {
    return { found: there, revoked: 0, verified: false, took: performance.now() - started }
  }
  if (typeof count !== 'number') {
    throw badRequest(
      '`count` takes how many the dry run has counted: nobody ends more than was seen.',
    )
  }
  if (there !== count) {
    throw new Problem(
      409,
      'COUNT_CHANGED',
      `There are ${there} by now, not ${count}: look again. Nothing has ended.`,
    )
  }
  const found = await sessionsOf(catalogue, target)
  if (found.size === 0) return { found: 0, revoked: 0, verified: true, took: 0 }
  const { revoked, verified, took, problem } = await endSessions(catalogue, target, found, {
    operator,
    reason,
  })
  if (problem !== undefined) throw problem
  return { found: found.size, revoked, verified, took }
}

/** @throws Problem */
function targetIn(target: unknown): EndingTarget {
  if (typeof target !== 'object' || target === null) {
    throw badRequest('`target` takes { ids } or { principal, except }.')
  }
  const { ids, principal, except } = target as Readonly<Record<string, unknown>>
  if ((ids === undefined) === (principal === undefined)) {
    throw badRequest('`target` takes either ids or a principal.')
  }
  if (principal !== undefined) {
    const isText = typeof principal === 'string' && principal !== '' && isWellFormed(principal)
    if (!isText || principal.length > LONGEST_PRINCIPAL) {
      throw badRequest('`target.principal` takes the principal, exactly as it is.')
    }
    // What was meant to spare one session must not end it.
    if (except !== undefined && !isId(except)) {
      throw badRequest('`target.except` takes the id of a session.')
    }
    return { principal, except }
  }
  if (except !== undefined) throw badRequest('`target.except` is for a principal.')
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > MOST_IDS || !ids.every(isId)) {
    throw badRequest(`\`target.ids\` takes 1 to ${MOST_IDS} ids of sessions.`)
  }
  return { ids }
}

const isId = (id: unknown): id is string => typeof id === 'string' && isSessionId(id)

/** @throws Problem */
function reasonIn(reason: unknown, isDry: boolean): string | undefined {
  if (isDry) return undefined
  const text = typeof reason === 'string' ? reason.trim() : ''
  if (text !== '' && text.length <= LONGEST_REASON && isWellFormed(text)) return text
  throw badRequest(`\`reason\` takes why, for the audit: 1 to ${LONGEST_REASON} characters.`)
}
