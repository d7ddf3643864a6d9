import { json } from '@sveltejs/kit'

export const POST = async ({ locals: { session }, request }) => {
  // … check the password first
  await session.login('ada', { device: request.headers.get('user-agent') ?? undefined })
  return json({ principal: session.principal })
}
