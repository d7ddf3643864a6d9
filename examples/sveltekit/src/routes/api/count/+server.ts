import { json } from '@sveltejs/kit'

/** Changed without an `await`: stored before the answer goes out. */
export const POST = ({ locals: { session } }) => {
  session.set('count', (session.get('count') ?? 0) + 1)
  return json({ count: session.get('count') })
}
