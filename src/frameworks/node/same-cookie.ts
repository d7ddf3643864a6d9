const told = new Set<string>()

/**
 * Two `createSessions` answer one request under one cookie: each takes the other's for forged and sets its own in its place,
 * so that people are signed out now and then. Told of once for each.
 * @param place of the cookie, see `Exchange.place`
 */
export function warnSameCookie(place: string): void {
  if (told.has(place)) return
  told.add(place)
  const [name] = place.split(';', 1)
  process.emitWarning(
    `two \`createSessions\` answer the same requests with the cookie ${JSON.stringify(name)}, and each replaces the other's: ` +
      "give one of them another name (cookie: { name: 'admin' }), or use one for both",
    { code: 'SOJOURN_SAME_COOKIE' },
  )
}
