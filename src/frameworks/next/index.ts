import { cookies, headers } from 'next/headers.js'
import type { Sessions } from '../../core/sessions.ts'
import { bindSessions, type NextSessions, type NextSessionsOptions } from './next-sessions.ts'

export type { NextCallOptions, NextSessions, NextSessionsOptions } from './next-sessions.ts'
export { ReadonlySession } from './readonly-session.ts'

/**
 * Sessions for Next's App Router.
 * @param factory calls `createSessions`. Not before there is a request, and once a process: neither a build
 * nor a module that is loaded again makes connections
 * @throws OptionError
 */
export function nextSessions<Data extends object>(
  factory: () => Sessions<Data>,
  options: NextSessionsOptions = {},
): NextSessions<Data> {
  return bindSessions({ cookies, headers }, factory, options)
}
