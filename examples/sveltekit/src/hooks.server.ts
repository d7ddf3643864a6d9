import { error } from '@sveltejs/kit'
import { sequence } from '@sveltejs/kit/hooks'
import { isSojournError } from 'sojourn'
import { sveltekitSessions } from 'sojourn/sveltekit'
import { sessions } from './lib/server/sessions.ts'

export const handle = sequence(
  sveltekitSessions(sessions, {
    onError: (cause) => error(isSojournError(cause) ? cause.status : 500, 'Try again shortly'),
  }),
)
