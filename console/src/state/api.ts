import { type Signal, signal } from '@preact/signals'
import type { About, ApiProblem } from '../../../src/operations/console/api.ts'
import { dated } from './clock.ts'

/** Why the server did not do as asked. `status` 0: it did not answer. */
export class Problem extends Error {
  readonly code: string
  readonly status: number

  constructor(status: number, { code, message }: ApiProblem) {
    super(message)
    this.code = code
    this.status = status
  }
}

export const about: Signal<About | undefined> = signal(undefined)
/** Set when the server does not know us (any more): the page shows nothing else then. */
export const signedOut: Signal<Problem | undefined> = signal(undefined)

const AWAY: ApiProblem = {
  code: 'CONSOLE_AWAY',
  message: 'The console does not answer. Does `sojourn console` still run?',
}

interface Call {
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

/** @throws Problem */
export async function call<Answer>(path: string, { body, signal }: Call = {}): Promise<Answer> {
  const init: RequestInit = {
    headers: { accept: 'application/json' },
    cache: 'no-store',
    ...(signal === undefined ? {} : { signal }),
  }
  if (body !== undefined) {
    init.method = 'POST'
    init.headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      'x-sojourn-console': about.value?.csrf ?? '',
    }
    init.body = JSON.stringify(body)
  }
  let response: Response
  try {
    response = await fetch(`api/${path}`, init)
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Problem(0, AWAY)
  }
  dated(response.headers.get('date'))
  if (response.ok) return (await response.json()) as Answer
  const problem = new Problem(response.status, await problemOf(response, signal))
  if (response.status === 401) signedOut.value = problem
  // Not even that much: the application knows who it is, and lets them see nothing.
  if (response.status === 403 && path === 'about') signedOut.value = problem
  if (response.status === 403 && body !== undefined && (await hasNewToken())) {
    return call<Answer>(path, { body, signal })
  }
  throw problem
}

/** Where the server was started anew in between it wants another token than the page has. */
async function hasNewToken(): Promise<boolean> {
  const former = about.peek()?.csrf
  about.value = await call<About>('about')
  return about.peek()?.csrf !== former
}

async function problemOf(response: Response, signal: AbortSignal | undefined): Promise<ApiProblem> {
  try {
    const told = (await response.json()) as Partial<ApiProblem>
    if (typeof told.code === 'string' && typeof told.message === 'string') return told as ApiProblem
  } catch (error) {
    // Given up while it was read: whoever asks next is told what it says.
    if (signal?.aborted) throw error
    // Not from the console: a proxy, perhaps.
  }
  return {
    code: `HTTP_${response.status}`,
    message: `The server answered with ${response.status}.`,
  }
}

export function queryOf(params: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) if (value) query.set(name, value)
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}

export const asProblem = (error: unknown): Problem =>
  error instanceof Problem
    ? error
    : new Problem(0, {
        code: 'PAGE_ERROR',
        message: error instanceof Error ? error.message : String(error),
      })
