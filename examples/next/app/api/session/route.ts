import { answer } from '../../../lib/answer'
import { readSession } from '../../../lib/session'

export const GET = () =>
  answer(async () => {
    const session = await readSession()
    return Response.json({ principal: session.principal, count: session.get('count') ?? 0 })
  })
