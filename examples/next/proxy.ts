import { type NextRequest, NextResponse } from 'next/server'
import { readSession } from './lib/session'

/** Next 16: on Node, so it can ask. A page asks again: this is for the way there, not for the right to be there. */
export async function proxy(request: NextRequest) {
  const session = await readSession()
  if (session.principal === undefined) return NextResponse.redirect(new URL('/', request.url))
  return NextResponse.next()
}

export const config = { matcher: '/admin/:path*' }
