/** Changed without an `await`: stored before the answer goes out. */
export const POST = ({ locals: { session } }) => {
  session.set('count', (session.get('count') ?? 0) + 1)
  return Response.json({ count: session.get('count') })
}
