export const load = ({ locals: { session } }) => ({ principal: session.principal })
