import { type Duration, parseDuration } from './duration.ts'
import { OptionError } from './errors.ts'

export interface RotationOptions {
  /**
   * A request whose token is older gets a new one with its response. Default `false`: only `login`,
   * `stepUp` and `rotate` make new tokens.
   */
  readonly rotateEvery?: Duration | false
  /** How long a former token still leads to the session once the new one has been used. Default 10 seconds. */
  readonly rotationGrace?: Duration
  /** How long it does while nobody has used the new one, whose response may be lost. Default 5 minutes. */
  readonly rotationPatience?: Duration
  /** How long the use of a former token is recognised as `token-reuse`; `false`: not at all. Default 1 hour. */
  readonly reuseWindow?: Duration | false
  /** `'end'`: such a use ends the session, as a revocation does. Default `'report'`: it is an event only. */
  readonly tokenReuse?: 'report' | 'end'
}

/** Milliseconds. */
export interface RotationSettings {
  /** Infinite: never. */
  readonly rotateEvery: number
  readonly rotationGrace: number
  readonly rotationPatience: number
  /** 0: reuse is not recognised. */
  readonly reuseWindow: number
  readonly tokenReuse: 'report' | 'end'
}

const PATIENCE = 5 * 60_000

/** @throws OptionError */
export function checkRotation(options: RotationOptions): RotationSettings {
  const { rotateEvery = false, reuseWindow = '1h', tokenReuse = 'report' } = options
  const { rotationGrace: grace = '10s' } = options
  const rotationGrace = parseDuration('rotationGrace', grace)
  const rotationPatience =
    options.rotationPatience === undefined
      ? Math.max(rotationGrace, PATIENCE)
      : parseDuration('rotationPatience', options.rotationPatience)
  if (rotationPatience < rotationGrace) {
    throw new OptionError('rotationPatience', 'is shorter than rotationGrace')
  }
  if (tokenReuse !== 'report' && tokenReuse !== 'end') {
    throw new OptionError('tokenReuse', "takes 'report' or 'end'")
  }
  if (tokenReuse === 'end' && reuseWindow === false) {
    throw new OptionError('tokenReuse', "'end' needs a reuseWindow")
  }
  return {
    rotateEvery:
      rotateEvery === false ? Number.POSITIVE_INFINITY : parseDuration('rotateEvery', rotateEvery),
    rotationGrace,
    rotationPatience,
    reuseWindow: reuseWindow === false ? 0 : parseDuration('reuseWindow', reuseWindow),
    tokenReuse,
  }
}
