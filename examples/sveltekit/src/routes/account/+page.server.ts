import { redirect } from '@sveltejs/kit'

export const load = async ({ locals: { session }, fetch }) => {
  // Calls by itself: they have this request's session.
  await Promise.all([
    fetch('/api/count', { method: 'POST' }),
    fetch('/api/count', { method: 'POST' }),
  ])
  return { count: session.get('count') }
}

export const actions = {
  login: async ({ locals: { session }, request }) => {
    const form = await request.formData()
    // … check the password first
    await session.login(String(form.get('name')))
    session.set('count', 100)
    redirect(303, '/')
  },
  count: ({ locals: { session } }) => {
    session.set('count', (session.get('count') ?? 0) + 1)
    return { done: true }
  },
}
