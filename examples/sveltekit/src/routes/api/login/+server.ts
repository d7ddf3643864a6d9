export const POST = async ({ locals: { session }, request }) => {
  // … check the password first
  await session.login('ada', { device: request.headers.get('user-agent') ?? undefined })
  return Response.json({ principal: session.principal })
}
