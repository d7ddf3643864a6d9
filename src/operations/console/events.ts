import type { Catalogue, HistoryEntry } from '../sessions/catalogue.ts'
import type { EventsAnswer } from './api.ts'
import { badRequest } from './problem.ts'
import { countIn, textIn } from './query.ts'

const AT_ONCE = 500
/** Entries that are looked through for what operators did, in one answer. */
const MOST_PAGES = 10
const PAGE = 1_000

interface Place {
  readonly from?: number
  readonly after?: string
}

/** Of the audit, oldest first. @throws Problem, StoreUnavailableError, StoreRefusedError */
export async function eventsAfter(
  catalogue: Catalogue,
  query: URLSearchParams,
): Promise<EventsAnswer> {
  const entries = await catalogue.history({ ...placeIn(query), count: AT_ONCE })
  const position = entries.at(-1)?.position ?? textIn(query, 'after')
  return { entries, position, more: entries.length === AT_ONCE }
}

/** Of it what operators did: a bounded number of entries is looked through. @throws as `eventsAfter` */
export async function operationsAfter(
  catalogue: Catalogue,
  query: URLSearchParams,
): Promise<EventsAnswer> {
  let place = placeIn(query)
  const found: HistoryEntry[] = []
  for (let page = 0; page < MOST_PAGES; page++) {
    const { entries, looked, position } = await catalogue.operations({ ...place, count: PAGE })
    if (position !== undefined) place = { after: position }
    found.push(...entries)
    const cut = found[AT_ONCE - 1]
    if (cut !== undefined) {
      return { entries: found.slice(0, AT_ONCE), position: cut.position, more: true }
    }
    if (looked < PAGE) return { entries: found, position: place.after, more: false }
  }
  return { entries: found, position: place.after, more: true }
}

/** @throws Problem */
function placeIn(query: URLSearchParams): Place {
  const from = countIn(query, 'from')
  const after = textIn(query, 'after')
  if (after !== undefined && !/^\d{1,15}-\d{1,15}$/.test(after)) {
    throw badRequest('`after` takes the `position` of an answer.')
  }
  return after === undefined ? (from === undefined ? {} : { from }) : { after }
}
