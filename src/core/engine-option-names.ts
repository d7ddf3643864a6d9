/** Options of `createSessions` that are not the sessions' own. */
export const ENGINE_OPTION_NAMES: readonly string[] = [
  'redis',
  'engine',
  'prefix',
  'commandTimeout',
  'nearCache',
  'expiry',
  'durability',
]
