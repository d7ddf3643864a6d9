import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  SetMetadata,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { OptionError, SessionEndedError } from '../../core/errors.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import { type NestSession, sessionIn } from './session-decorator.ts'

export interface LoginRequirement {
  /** At least so well the principal must be known, on the scale of `login` and `stepUp`. */
  readonly level?: number
  /** Not longer ago than this the principal must have authenticated. */
  readonly within?: Duration
  /** Whether the store is asked, past the near cache. Default false. */
  readonly fresh?: boolean
}

type Rule = LoginRequirement | 'public'
type Decorator = MethodDecorator & ClassDecorator

const RULE: unique symbol = Symbol('sojourn.requirement')
const reflector = new Reflector()

/**
 * Lets signed-in principals pass: `UnauthorizedException` for others, `ForbiddenException` where the level or
 * the time of authentication is not enough. On its own it needs a login and no more; as `APP_GUARD` it stands
 * before all handlers but those that are `@Public()`.
 */
export class SessionGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()]
    const rule = reflector.getAllAndOverride<Rule | undefined>(RULE, targets) ?? {}
    if (rule === 'public') return true
    const session = await sessionOrEnd(context)
    if (rule.fresh === true) await session?.refresh()
    if (session?.principal === undefined) return refuse(context, UnauthorizedException)
    const { level = 0, within } = rule
    const isEnough =
      (session.level ?? 0) >= level && (within === undefined || session.authenticatedWithin(within))
    return isEnough || refuse(context, ForbiddenException)
  }
}

/**
 * For a handler or a controller: only for those who are signed in.
 * @throws OptionError
 */
export function RequireLogin(requirement: LoginRequirement = {}): Decorator {
  refuseUnknown(requirement, ['level', 'within', 'fresh'])
  const { level, within } = requirement
  if (level !== undefined && !Number.isInteger(level)) {
    throw new OptionError('level', 'takes a whole number')
  }
  if (within !== undefined) parseDuration('within', within)
  return applyDecorators(SetMetadata(RULE, requirement), UseGuards(SessionGuard))
}

/** As `RequireLogin({ level })`: 2 for what needs a second factor, on your own scale. */
export function RequireLevel(
  level: number,
  requirement: Omit<LoginRequirement, 'level'> = {},
): Decorator {
  return RequireLogin({ ...requirement, level })
}

/** For everybody, where `SessionGuard` stands before all handlers, or before the controller. */
export function Public(): Decorator {
  return SetMetadata(RULE, 'public')
}

/** @returns nothing for a socket whose session has ended */
async function sessionOrEnd(context: ExecutionContext): Promise<NestSession | undefined> {
  try {
    return await sessionIn(context)
  } catch (error) {
    if (error instanceof SessionEndedError) return undefined
    throw error
  }
}

/** Sockets have no status; Nest answers them with an error of their own. */
function refuse(context: ExecutionContext, Refusal: new () => Error): false {
  if (context.getType<string>() === 'ws') return false
  throw new Refusal()
}
