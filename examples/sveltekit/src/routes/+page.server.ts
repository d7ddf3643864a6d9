export const load = ({ locals: { session } }) => ({ count: session.get('count') ?? 0 })
