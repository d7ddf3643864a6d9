import { inspect } from 'node:util'
import type { SessionInfo } from '../../core/principal-sessions.ts'
import { isSessionId } from '../../core/token.ts'
import type { ListingPlace } from '../../engines/redis/listing.ts'
import type { Catalogue, SessionDetails } from '../sessions/catalogue.ts'
import type { Device, PrincipalAnswer, SessionAnswer, SessionsAnswer } from './api.ts'
import { cursorOf, placeOf } from './cursor.ts'
import { badRequest, notFound, Problem } from './problem.ts'
import { filterIn, textIn } from './query.ts'

/** One answer ends when it has so many sessions, has looked at so many keys, or after so many milliseconds. */
const ENOUGH = 100
const MOST_LOOKED = 2_000
const LONGEST = 200
/** How long it is thought that there are about as many keys, milliseconds. */
const SIZE_KEPT = 5_000
const MOST_DEVICES = 500
/** Of these the level is told too, which needs a look at each. */
const MOST_INSPECTED = 50
const LONGEST_VALUE = 4_000

/** What is told of sessions. */
export class SessionAnswers {
  readonly #catalogue: Catalogue
  #size: { readonly count: number; readonly at: number } | undefined

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue
  }

  /** One bounded piece of a pass. @throws Problem, OptionError, StoreUnavailableError, StoreRefusedError */
  async list(query: URLSearchParams): Promise<SessionsAnswer> {
    const filter = filterIn(query)
    const cursor = textIn(query, 'cursor')
    let place: ListingPlace | undefined = cursor === undefined ? undefined : placeOf(cursor)
    const sessions: SessionsAnswer['sessions'][number][] = []
    let looked = 0
    const started = performance.now()
    do {
      const piece = await this.#catalogue.piece(filter, place)
      sessions.push(...piece.sessions)
      looked += piece.looked
      place = piece.next
      // Keys of others count too: they are what is looked through.
      if (performance.now() - started > LONGEST) break
    } while (place !== undefined && sessions.length < ENOUGH && looked < MOST_LOOKED)
    const total = await this.#total()
    return { sessions, cursor: place && cursorOf(place), looked: Math.min(looked, total), total }
  }

  /** @throws Problem, OptionError, StoreUnavailableError, StoreRefusedError */
  async principal(query: URLSearchParams): Promise<PrincipalAnswer> {
    const name = textIn(query, 'name')
    if (name === undefined) throw badRequest('`name` takes the principal, exactly as it is.')
    requireSecrets(this.#catalogue)
    const { sessions: found, total } = await this.#catalogue.some(name, MOST_DEVICES)
    const levels = new Map<string, number | undefined>(
      await Promise.all(
        found
          .slice(0, MOST_INSPECTED)
          .map(async ({ id }) => [id, (await this.#catalogue.inspect(id))?.level] as const),
      ),
    )
    const sessions = found.map((each) => deviceOf(each, levels.get(each.id)))
    return { name, sessions, total }
  }

  /** @param begin told before values are shown. @throws Problem, StoreUnavailableError, StoreRefusedError */
  async one(
    id: string,
    begin: ((session: SessionDetails) => Promise<void>) | undefined,
  ): Promise<SessionAnswer> {
    if (!isSessionId(id)) throw badRequest('That is no id of a session: it has 25 characters.')
    const session = await this.#catalogue.inspect(id)
    if (session === undefined)
      throw notFound('There is no such session: it has ended, or never was.')
    await begin?.(session)
    return {
      ...session,
      attributes: session.attributes
        .map(({ name, type, bytes, value }) => ({
          ...{ name, type, bytes },
          value: begin === undefined ? undefined : textOf(value),
        }))
        .toSorted((one, other) => other.bytes - one.bytes),
    }
  }

  async #total(): Promise<number> {
    const now = performance.now()
    if (this.#size === undefined || now - this.#size.at > SIZE_KEPT) {
      this.#size = { count: await this.#catalogue.size(), at: now }
    }
    return this.#size.count
  }
}

function deviceOf(session: SessionInfo, level: number | undefined): Device {
  const { id, createdAt, lastActiveAt, expiresAt, deadline, kind, device, address } = session
  return { id, createdAt, lastActiveAt, expiresAt, deadline, kind, device, address, level }
}

/** @throws Problem */
export function requireSecrets({ hasSecrets }: Catalogue): void {
  if (hasSecrets) return
  throw new Problem(
    400,
    'ERR_SOJOURN_OPTION',
    'No principal is found without the secrets: give them to the console, by `secrets` or SOJOURN_SECRETS.',
  )
}

/** For people, however much there is. */
function textOf(value: unknown): string {
  const text = inspect(value, { depth: 6, maxArrayLength: 100, maxStringLength: 2_000 })
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)} …` : text
}
