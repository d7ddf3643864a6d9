import { randomBytes } from 'node:crypto'
import { MigrationStoppedError, OptionError } from '../../core/errors.ts'
import type { Deployment, Vitals } from '../../engines/redis/deployment.ts'
import type { Side } from './decide.ts'

const FINISHED = 'finished'

/** What both sides were when they were last known to be whole. Kept on the side that is moved to. */
interface Noted {
  /** Kept on the other side too: it goes with all that is there. */
  readonly token: string
  readonly from: Vitals
  readonly to: Vitals
}

/**
 * Knows whether a side may lack what it had: it was emptied, restarted, replaced, or evicts. That a session is missing
 * there is then no sign that it was ended, and somebody has to say which side is right.
 */
export class Guard {
  readonly #sides: Record<Side, Deployment>
  #noted: Noted | undefined
  #checking: Promise<void> | undefined
  #emptied: Side | undefined

  constructor(sides: Record<Side, Deployment>) {
    this.#sides = sides
  }

  /**
   * To be called before anything is compared.
   * @param trusted which side is right, whatever has been
   * @throws MigrationStoppedError
   */
  async start(trusted: Side | undefined): Promise<void> {
    const { from, to } = this.#sides
    const [onFrom, onTo, swapped] = await Promise.all([
      ...[from.note('from'), to.note('to'), from.note('to')],
    ])
    if (swapped !== undefined) {
      throw new MigrationStoppedError(
        '--from is where another migration goes to: are the two swapped? That one follows both sides, so there is no ' +
          'need for one back. If it is over, end it with --finish first',
      )
    }
    if (onFrom === FINISHED && trusted === undefined) {
      throw new MigrationStoppedError(
        'a migration from there was finished: what has ended on --to since would come back. If --from is right all ' +
          'the same, run it with --trust from',
      )
    }
    const noted = onTo === undefined ? undefined : (JSON.parse(onTo) as Noted)
    const isNew = onFrom === undefined && noted === undefined
    if (!isNew && trusted === undefined) {
      if (noted === undefined) throw stopped('to', 'it lacks what was noted there: it was emptied')
      this.#noted = noted
      return this.check()
    }
    const [ofFrom, ofTo] = await Promise.all([from.vitals(), to.vitals()])
    this.#noted = { token: randomBytes(12).toString('base64url'), from: ofFrom, to: ofTo }
    await from.setNote('from', this.#noted.token)
    await to.setNote('to', JSON.stringify(this.#noted))
  }

  /** @throws OptionError. Also for another database: what a server tells of changes does not say in which. */
  async checkTwo(): Promise<void> {
    const { from, to } = this.#sides
    const [ofFrom, ofTo] = await Promise.all([from.vitals(), to.vitals()])
    if (ofFrom.runs === ofTo.runs && /\w/.test(ofTo.runs)) {
      throw new OptionError('--to', 'is the same server as --from')
    }
  }

  /** No migration goes on where this one was, nor begins anew by mistake. */
  async finish(): Promise<void> {
    const { from, to } = this.#sides
    // First: who follows still is told of it, and stops before marks are gone.
    await from.setNote('from', FINISHED)
    await to.deleteNote('to')
    await to.unmark()
  }

  /** All keys of a database of the side were deleted. @returns why the migration stops */
  emptied(side: Side): MigrationStoppedError {
    this.#emptied ??= side
    return stopped(side, 'all keys of a database of it were deleted')
  }

  /**
   * Whether both are whole, still: what was found missing before the call is missing because it was ended. One
   * question for all who ask in the same turn.
   * @throws MigrationStoppedError
   */
  check(): Promise<void> {
    this.#checking ??= new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        this.#checking = undefined
        this.#checkNow().then(resolve, reject)
      })
    })
    return this.#checking
  }

  async #checkNow(): Promise<void> {
    const { from, to } = this.#sides
    const [token, noted, ofFrom, ofTo] = await Promise.all([
      ...[from.note('from'), to.note('to')],
      ...[from.vitals(), to.vitals(), from.caughtUp(), to.caughtUp()],
    ] as const)
    const known = this.#noted
    if (this.#emptied !== undefined) throw this.emptied(this.#emptied)
    if (token === FINISHED)
      throw new MigrationStoppedError('it was finished meanwhile, by --finish')
    const lacks = 'it lacks what was noted there: it was emptied'
    if (noted === undefined || known === undefined) throw stopped('to', lacks)
    if (token !== known.token) throw stopped('from', lacks)
    if (ofFrom.runs !== known.from.runs) throw stopped('from', 'it was restarted or replaced')
    if (ofTo.runs !== known.to.runs) throw stopped('to', 'it was restarted or replaced')
    if (ofTo.evicted > known.to.evicted) {
      throw stopped('to', 'it evicts keys, for it has too little memory: give it more')
    }
  }
}

function stopped(side: Side, what: string): MigrationStoppedError {
  const other = side === 'from' ? 'to' : 'from'
  return new MigrationStoppedError(
    `--${side} may lack sessions that it had: ${what}. What is missing there was not taken for ended. Run it again ` +
      `with --trust ${other} to give it what it lacks, or with --trust ${side} to end that on --${other}`,
  )
}
