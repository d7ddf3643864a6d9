import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Operator, OriginCheck } from './access.ts'
import { type ConsoleOptions, createConsole } from './console.ts'
import { textAnswer } from './headers.ts'
import { requestOf, send } from './node.ts'
import { OneTimeLogin } from './one-time.ts'
import { badRequest, problemOf } from './problem.ts'

export interface StandaloneOptions
  extends Omit<ConsoleOptions, 'authorize' | 'origins' | 'basePath'> {
  /** Whoever has had a link. */
  readonly operator: Operator
  /** Where the page is to be found. */
  readonly origins: readonly string[]
  readonly cookieName: string
  /** Whether browsers come by TLS. */
  readonly secure: boolean
}

export interface StandaloneConsole {
  readonly node: (request: IncomingMessage, response: ServerResponse) => void
  /** What an origin and this make is opened once, within 10 minutes. */
  readonly newLink: () => string
  readonly close: () => Promise<void>
}

const NO_LINK =
  'You are not signed in here. A link opens once: start `sojourn console` again, or press Enter there, for a new one.'

/** A console without an application around it: who has a link from the terminal is let in. @throws OptionError */
export function standaloneConsole(options: StandaloneOptions): StandaloneConsole {
  const { operator, cookieName, secure, origins, ...rest } = options
  const login = new OneTimeLogin({ cookieName, secure })
  const check = new OriginCheck(origins)
  const mounted = {
    ...rest,
    origins,
    basePath: '/',
    authorize: (request: Request) => (login.isSignedIn(request) ? operator : undefined),
  }
  const console = createConsole(mounted, NO_LINK)

  function answer(message: IncomingMessage): Response {
    try {
      const { request } = requestOf(message, undefined, new AbortController().signal)
      check.check(request, true)
      return login.answer(request)
    } catch (error) {
      const problem = problemOf(error instanceof TypeError ? badRequest('No such link.') : error)
      return textAnswer(`${problem.message}\n`, problem.status)
    }
  }

  return {
    node: (message, response) => {
      if (message.url?.split('?')[0] !== '/login') return console.node(message, response)
      void send(answer(message), response)
    },
    newLink: () => `/login?code=${login.newCode()}`,
    close: console.close,
  }
}
