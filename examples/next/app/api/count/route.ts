import { answer } from '../../../lib/answer'
import { withSession } from '../../../lib/session'

export const POST = () =>
  answer(() =>
    withSession((session) => {
      session.set('count', (session.get('count') ?? 0) + 1)
      return Response.json({ count: session.get('count') })
    }),
  )
