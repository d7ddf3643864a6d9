import { json } from '@sveltejs/kit'

export const GET = ({ locals: { session } }) =>
  json({ principal: session.principal, count: session.get('count') ?? 0 })
