export const GET = ({ locals: { session } }) =>
  Response.json({ principal: session.principal, count: session.get('count') ?? 0 })
