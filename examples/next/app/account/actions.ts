'use server'

import { redirect } from 'next/navigation'
import { withSession } from '../../lib/session'

export async function login(form: FormData) {
  const name = form.get('name')
  if (typeof name !== 'string') return
  await withSession(async (session) => {
    // … check the password first
    await session.login(name)
    session.set('count', 100)
    redirect('/')
  })
}

/** A helper of its own, which does not know that it is called inside of another. */
async function add() {
  await withSession((session) => session.set('count', (session.get('count') ?? 0) + 1))
}

export async function count() {
  await withSession(async () => {
    await Promise.all([add(), add()])
  })
}

export async function countTwice() {
  await Promise.all([add(), add()])
}
