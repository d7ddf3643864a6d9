import type { ServerFacts } from './facts.ts'

/** Who runs the server for its users, where they may not change its settings by CONFIG. */
export interface Provider {
  readonly name: string
  /** Where settings are changed. */
  readonly settings: string
}

const PROVIDERS: readonly (Provider & { readonly host: RegExp })[] = [
  {
    name: 'Amazon ElastiCache',
    host: /\.cache\.amazonaws\.com(?:\.cn)?$/,
    settings: 'in the parameter group of the cache',
  },
  {
    name: 'Amazon MemoryDB',
    host: /\.memorydb\.[\w-]+\.amazonaws\.com(?:\.cn)?$/,
    settings: 'in the parameter group of the cluster',
  },
  {
    name: 'Azure Cache for Redis',
    host: /\.redis\.cache\.windows\.net$/,
    settings:
      'in the portal under Advanced settings, or `az redis update --set redisConfiguration…`',
  },
  {
    name: 'Azure Managed Redis',
    host: /\.redis\.azure\.net$/,
    settings: 'at the database, `az redisenterprise database update`',
  },
  {
    name: 'Redis Cloud',
    host: /\.(?:redis-cloud|redislabs|redns\.redis-cloud)\.com$/,
    settings: 'in the console, at the database',
  },
  {
    name: 'Aiven',
    host: /\.aivencloud\.com$/,
    settings: 'in the console under Advanced configuration',
  },
]

const UNNAMED: Provider = {
  name: 'a managed service',
  settings: 'where the service is configured, for CONFIG is refused here',
}

/** By its host name; else by its refusing CONFIG to a user that may ask for INFO. */
export function providerOf({ role, target, config, info }: ServerFacts): Provider | undefined {
  const { address } = target
  const host = 'path' in address ? '' : address.host
  const known = PROVIDERS.find((provider) => provider.host.test(host))
  if (known !== undefined) return known
  // Sentinels have no CONFIG.
  return role !== 'sentinel' && config === undefined && info.size > 0 ? UNNAMED : undefined
}
