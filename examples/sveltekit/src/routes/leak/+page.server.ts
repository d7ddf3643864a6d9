/** A mistake, that SvelteKit refuses: the session is no data for the page. */
export const load = ({ locals: { session } }) => ({ session: session as object })
