import { after } from 'next/server'
import { isSojournError } from 'sojourn'
import { withSession } from '../../../lib/session'

let last = 'nothing yet'

/** A mistake: after the response no cookie can be set. */
export function GET() {
  after(async () => {
    try {
      await withSession((session) => session.set('count', 1))
      last = 'stored'
    } catch (error) {
      last = isSojournError(error) ? error.code : String(error)
    }
  })
  return Response.json({ last })
}

export const dynamic = 'force-dynamic'
