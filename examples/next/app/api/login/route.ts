import { withSession } from '../../../lib/session'

export const POST = (request: Request) =>
  withSession(async (session) => {
    // … check the password first
    await session.login('ada', { device: request.headers.get('user-agent') ?? undefined })
    return Response.json({ principal: session.principal })
  })
