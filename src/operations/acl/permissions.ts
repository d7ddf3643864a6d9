/**
 * The commands that Sojourn sends, each with the keys that it names, and what they are for. docs/redis.md shows the line
 * that is made of them.
 */

export type Feature =
  | 'sessions'
  | 'near-cache'
  | 'audit'
  | 'scan'
  | 'notify'
  | 'durability'
  | 'sentinel'
  | 'cluster'

interface Permission {
  /** `command` or `command|subcommand`. */
  readonly command: string
  readonly feature: Feature
  /** Arguments to try it with, `K` for a key of ours; absent: it takes none. */
  readonly args: readonly string[]
  /** First server versions that know it: naming it to others makes the whole line fail. Default 7.0. */
  readonly since?: { readonly redis: string; readonly valkey: string }
}

const of = (feature: Feature, commands: Readonly<Record<string, string>>): Permission[] =>
  Object.entries(commands).map(([command, args]) => ({
    command,
    feature,
    args: args === '' ? [] : args.split(' '),
  }))

export const PERMISSIONS: readonly Permission[] = [
  ...of('sessions', {
    hello: '3',
    auth: 'password',
    'client|setname': 'sojourn',
    select: '0',
    time: '',
    get: 'K',
    set: 'K v',
    del: 'K',
    exists: 'K',
    getrange: 'K 0 1',
    setrange: 'K 0 v',
    pttl: 'K',
    pexpire: 'K 1',
    pexpiretime: 'K',
    hget: 'K f',
    hgetall: 'K',
    hincrby: 'K f 1',
    hkeys: 'K',
    hlen: 'K',
    hscan: 'K 0',
    hrandfield: 'K',
    hset: 'K f v',
    hdel: 'K f',
    zadd: 'K 1 m',
    zmscore: 'K m',
    zrange: 'K 0 1',
    zrem: 'K m',
    evalsha: 's 1 K',
    eval: 's 1 K',
  }),
  {
    command: 'client|setinfo',
    feature: 'sessions',
    args: ['LIB-NAME', 'sojourn'],
    since: { redis: '7.2', valkey: '7.2' },
  },
  ...of('near-cache', { 'client|tracking': 'ON' }),
  ...of('notify', { subscribe: '__keyevent@0__:expired' }),
  ...of('scan', { scan: '0' }),
  ...of('audit', {
    xadd: 'K * f v',
    xtrim: 'K MAXLEN 1',
    xrange: 'K - +',
    'xgroup|create': 'K g 0',
    'xgroup|delconsumer': 'K g c',
    'xinfo|consumers': 'K g',
    xreadgroup: 'GROUP g c STREAMS K >',
    xpending: 'K g',
    xclaim: 'K g c 0 1-1',
    xack: 'K g 1-1',
  }),
  ...of('durability', { wait: '1 1' }),
  {
    command: 'waitaof',
    feature: 'durability',
    args: ['1', '0', '1'],
    since: { redis: '7.2', valkey: '7.2' },
  },
  ...of('sentinel', { role: '' }),
  ...of('cluster', { 'cluster|slots': '', 'cluster|info': '', asking: '' }),
]
