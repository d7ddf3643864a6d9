import { version } from '../../core/version.ts'
import type { Catalogue } from '../sessions/catalogue.ts'
import { type Authorized, type CsrfTokens, checkOperator, type Operator } from './access.ts'
import type { About, History } from './api.ts'
import type { Doctor } from './doctor.ts'
import { eventsAfter, operationsAfter } from './events.ts'
import { jsonAnswer, streamAnswer } from './headers.ts'
import type { Live } from './live.ts'
import { forbidden, notFound, Problem } from './problem.ts'
import { bodyOf, flagIn } from './query.ts'
import { revoke } from './revoke.ts'
import { SessionAnswers } from './sessions.ts'

export interface ApiParts {
  readonly catalogue: Catalogue
  readonly live: Live
  readonly doctor: Doctor
  readonly csrf: CsrfTokens
  readonly prefix: string
  readonly environment: string | undefined
  /** Whether anybody may see what attributes hold. */
  readonly values: boolean
}

interface Call {
  readonly query: URLSearchParams
  readonly request: Request
  readonly operator: Operator
  /** Asks again who it is. */
  readonly ask: () => Promise<Authorized>
}

/** A browser asks for a few at a time. */
const MOST_AT_ONCE = 64

/** Of those that read or end much of one user; the others wait for their turn. */
const MOST_LARGE = 4

type Route = (call: Call) => Promise<Response>

/** What is under `api/`: see api.ts. */
export class Api {
  readonly #parts: ApiParts
  readonly #sessions: SessionAnswers
  readonly #routes: Readonly<Record<string, Route>>
  #underWay = 0
  #large = 0
  readonly #waiting: (() => void)[] = []

  constructor(parts: ApiParts) {
    this.#parts = parts
    const { catalogue, live, doctor } = parts
    this.#sessions = new SessionAnswers(catalogue)
    this.#routes = {
      'GET about': async ({ operator }) => jsonAnswer(this.#about(operator)),
      'GET live': async (call) => this.#live(call),
      'GET history': async () => jsonAnswer({ points: live.history.points } satisfies History),
      'GET principals': async ({ query }) =>
        jsonAnswer(await this.#inTurn(() => this.#sessions.principal(query))),
      'GET sessions': async ({ query }) => jsonAnswer(await this.#sessions.list(query)),
      'GET events': async ({ query }) => jsonAnswer(await eventsAfter(catalogue, query)),
      'GET audit': async ({ query }) => jsonAnswer(await operationsAfter(catalogue, query)),
      'GET doctor': async () => jsonAnswer(doctor.recent() ?? null),
      'POST doctor': async () => jsonAnswer(await doctor.look()),
      'POST revoke': async ({ request, operator }) => {
        if (operator.access !== 'write') throw forbidden('You may look, and end nothing.')
        const body = await bodyOf(request)
        return jsonAnswer(await this.#inTurn(() => revoke(catalogue, operator.name, body)))
      },
    }
  }

  /** @throws Problem, and what the store has to say */
  async answer(
    path: string,
    { searchParams: query }: URL,
    request: Request,
    operator: Operator,
    ask: () => Promise<Authorized>,
  ): Promise<Response> {
    const { method } = request
    const call: Call = { query, request, operator, ask }
    if (method === 'POST') this.#parts.csrf.check(request, operator)
    const route = this.#routeOf(method, path)
    if (route === undefined) throw notFound(`There is no ${method} ${path}.`)
    if (this.#underWay >= MOST_AT_ONCE) {
      throw new Problem(503, 'TOO_MANY', `${MOST_AT_ONCE} requests are under way: try again.`)
    }
    this.#underWay++
    try {
      return await route(call)
    } finally {
      this.#underWay--
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    while (this.#large >= MOST_LARGE) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
    this.#large++
    try {
      return await work()
    } finally {
      this.#large--
      this.#waiting.shift()?.()
    }
  }

  #routeOf(method: string, path: string): Route | undefined {
    const [, id] = /^sessions\/([^/]+)$/.exec(path) ?? []
    if (id !== undefined && method === 'GET') return (call) => this.#one(id, call)
    return this.#routes[`${method} ${path}`]
  }

  #about(operator: Operator): About {
    const { catalogue, prefix, environment, csrf } = this.#parts
    return {
      operator: operator.name,
      access: operator.access,
      values: this.#maySeeValues(operator),
      secrets: catalogue.hasSecrets,
      ...{ prefix, environment, version },
      csrf: csrf.of(operator),
    }
  }

  #maySeeValues({ values }: Operator): boolean {
    return this.#parts.values && values === true
  }

  async #one(id: string, { query, operator }: Call): Promise<Response> {
    if (flagIn(query, 'values') !== true) return jsonAnswer(await this.#sessions.one(id, undefined))
    if (!this.#maySeeValues(operator)) throw forbidden('You may not see what attributes hold.')
    const { catalogue } = this.#parts
    return jsonAnswer(
      await this.#sessions.one(id, (session) =>
        catalogue.begin({
          ...{ id: session.id, principal: session.principal },
          ...{ operator: operator.name, action: 'values' },
        }),
      ),
    )
  }

  #live({ query, operator, ask }: Call): Response {
    const isSame = async (): Promise<boolean> => {
      const now = checkOperator(await ask())
      return now.name === operator.name
    }
    return streamAnswer(
      this.#parts.live.open({
        operator: operator.name,
        wantsEvents: flagIn(query, 'events') === true,
        signal: operator.signal,
        mayGoOn: isSame,
      }),
    )
  }
}
