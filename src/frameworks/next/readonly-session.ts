import type { Duration } from '../../core/duration.ts'
import type { SessionId } from '../../core/engine.ts'
import { ReadOnlySessionError } from '../../core/errors.ts'
import type { Session, View } from '../../core/session.ts'
import { refuseStrays } from '../../core/strays.ts'

/** What a component may know of a session. To change it, call `withSession` in an action or a route handler. */
export class ReadonlySession<Data extends object> {
  static {
    Object.defineProperty(ReadonlySession.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: ReadonlySession<object>): object {
        return this.#session
      },
    })
  }

  readonly #session: Session<Data>

  /** Made by `readSession`. */
  constructor(session: Session<Data>) {
    this.#session = session
  }

  /** As `Session.id`. */
  get id(): SessionId | undefined {
    return this.#session.id
  }

  /** As `Session.isNew`. */
  get isNew(): boolean {
    return this.#session.isNew
  }

  /** As `Session.outage`. */
  get outage(): Session<Data>['outage'] {
    return this.#session.outage
  }

  /** Whose session it is; absent before login. */
  get principal(): string | undefined {
    return this.#session.principal
  }

  /** As `Session.authenticatedAt`, milliseconds since the epoch. */
  get authenticatedAt(): number | undefined {
    return this.#session.authenticatedAt
  }

  /**
   * As `Session.authenticatedWithin`.
   * @param duration milliseconds or `'5m'`
   * @throws OptionError
   */
  authenticatedWithin(duration: Duration): boolean {
    return this.#session.authenticatedWithin(duration)
  }

  /** As `Session.anomaly`. */
  get anomaly(): readonly string[] | undefined {
    return this.#session.anomaly
  }

  /** As `Session.level`. */
  get level(): number | undefined {
    return this.#session.level
  }

  /** Milliseconds since the epoch. */
  get createdAt(): number | undefined {
    return this.#session.createdAt
  }

  /** When it ends if nobody comes, milliseconds since the epoch. */
  get expiresAt(): number | undefined {
    return this.#session.expiresAt
  }

  /** When it ends whoever comes, milliseconds since the epoch. */
  get deadline(): number | undefined {
    return this.#session.deadline
  }

  get<Name extends keyof Data & string>(name: Name): View<Data[Name]> | undefined {
    return this.#session.get(name)
  }

  has(name: keyof Data & string): boolean {
    return this.#session.has(name)
  }

  names(): (keyof Data & string)[] {
    return this.#session.names()
  }

  /**
   * The attributes. By no method that `JSON.stringify` calls: React does, for what a client component is
   * given, and the browser would have all of the session where somebody passes it on by mistake.
   */
  toObject(): Record<string, unknown> {
    return this.#session.toJSON()
  }
}

refuseStrays(ReadonlySession.prototype, (name) => new ReadOnlySessionError(name))

const CHANGING = ['set', 'delete', 'clear', 'update', 'login', 'logout', 'stepUp', 'rotate']
const OTHERS = ['setLifetime', 'commit', 'refresh', 'touch']

// For those who do not ask the types first.
for (const name of [...CHANGING, ...OTHERS]) {
  Object.defineProperty(ReadonlySession.prototype, name, {
    value() {
      throw new ReadOnlySessionError(name)
    },
  })
}
Object.defineProperty(ReadonlySession.prototype, 'data', {
  get() {
    throw new ReadOnlySessionError('data')
  },
})
