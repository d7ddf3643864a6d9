import { isSojournError } from 'sojourn'

/** Next answers for what a route handler throws with status 500. */
export async function answer(work: () => Promise<Response>): Promise<Response> {
  try {
    return await work()
  } catch (error) {
    if (!isSojournError(error)) throw error
    return Response.json({ error: error.code }, { status: error.status })
  }
}
