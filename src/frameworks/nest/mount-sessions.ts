import type { AbstractHttpAdapter } from '@nestjs/core'
import type { FastifyInstance } from 'fastify'
import { OptionError } from '../../core/errors.ts'
import type { Sessions } from '../../core/sessions.ts'
import { type ExpressMiddleware, expressSessions } from '../express/index.ts'
import { fastifySessions } from '../fastify/index.ts'
import type { MountOptions } from '../node/mount.ts'

/** What the adapters take; the request is that of the platform. */
export interface MountedOptions extends MountOptions<object> {}

/** For all routes of the application, and for what is no route. */
export function mountSessions(
  adapter: AbstractHttpAdapter,
  sessions: Sessions<object>,
  options: MountedOptions,
): void {
  const platform = adapter.getType()
  if (platform === 'express') {
    ;(adapter as { use(middleware: ExpressMiddleware): void }).use(
      expressSessions(sessions, options),
    )
  } else if (platform === 'fastify') {
    const app = adapter.getInstance<FastifyInstance>()
    void app.register(fastifySessions, { ...options, sessions })
  } else {
    throw new OptionError('platform', `is ${platform}; there are sessions for express and fastify`)
  }
}
