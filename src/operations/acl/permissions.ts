/** What a command is sent for. */
export type Feature =
  | 'sessions'
  | 'near-cache'
  | 'audit'
  | 'scan'
  | 'notify'
  | 'durability'
  /** `report` of sojourn/metrics. */
  | 'report'
  | 'sentinel'
  | 'cluster'
  /** Doctor, and the commands that look at sessions. */
  | 'ops'

export interface Permission {
  /** `command` or `command|subcommand`. */
  readonly command: string
  readonly features: readonly Feature[]
  /** To try it with; `K` stands for a key of ours. */
  readonly args: readonly string[]
  /** Not known to Redis 7.0. */
  readonly isNew?: true
}

const of = (features: string, commands: Readonly<Record<string, string>>): Permission[] =>
  Object.entries(commands).map(([command, args]) => ({
    command,
    features: features.split(' ') as Feature[],
    args: args === '' ? [] : args.split(' '),
  }))

/** The commands that Sojourn sends, in the order in which they are named. */
export const PERMISSIONS: readonly Permission[] = [
  ...of('sessions ops', {
    hello: '3',
    auth: 'password',
    'client|setname': 'sojourn',
  }),
  ...of('near-cache', { 'client|tracking': 'ON' }),
  ...of('sessions ops', { select: '0', time: '', get: 'K' }),
  ...of('sessions', { set: 'K v', del: 'K' }),
  ...of('sessions ops', { exists: 'K' }),
  ...of('sessions ops', { getrange: 'K 0 1' }),
  ...of('sessions', { setrange: 'K 0 v' }),
  ...of('sessions ops', { pttl: 'K' }),
  ...of('sessions', { pexpire: 'K 1', pexpiretime: 'K', hget: 'K f' }),
  ...of('sessions ops', { hgetall: 'K' }),
  ...of('sessions', { hincrby: 'K f 1', hkeys: 'K' }),
  ...of('sessions ops', { hlen: 'K' }),
  ...of('sessions ops', { hscan: 'K 0' }),
  ...of('sessions', {
    hrandfield: 'K',
    hset: 'K f v',
    hdel: 'K f',
    zadd: 'K 1 m',
    zmscore: 'K m',
    zrange: 'K 0 1',
    zrem: 'K m',
  }),
  ...of('notify ops', { subscribe: '__keyevent@0__:expired' }),
  // Which run of which server it is: a cursor means nothing at another one.
  ...of('scan ops', { scan: '0', info: '' }),
  ...of('audit', {
    xadd: 'K * f v',
    xtrim: 'K MAXLEN 1',
  }),
  ...of('audit ops', { xrange: 'K - +' }),
  ...of('audit', {
    'xgroup|create': 'K g 0',
    'xgroup|delconsumer': 'K g c',
    'xinfo|consumers': 'K g',
    xreadgroup: 'GROUP g c STREAMS K >',
    xpending: 'K g',
    xclaim: 'K g c 0 1-1',
    xack: 'K g 1-1',
  }),
  // A script may only do what its caller may.
  ...of('sessions ops', { evalsha: 's 1 K', eval: 's 1 K' }),
  ...of('durability', { wait: '1 1' }),
  { command: 'waitaof', features: ['durability'], args: ['1', '0', '1'], isNew: true },
  ...of('report', { publish: 'sj:reports {}' }),
  ...of('sentinel', { role: '' }),
  ...of('cluster', { 'cluster|slots': '' }),
  ...of('cluster ops', { 'cluster|info': '' }),
  ...of('cluster', { asking: '' }),
  {
    command: 'client|setinfo',
    features: ['sessions', 'ops'],
    args: ['LIB-NAME', 'sojourn'],
    isNew: true,
  },
  { command: 'client|no-touch', features: ['ops'], args: ['ON'], isNew: true },
  ...of('ops', {
    'client|list': '',
    'latency|histogram': '',
    ping: '',
    dbsize: '',
    randomkey: '',
    strlen: 'K',
    'config|get': '*',
    'slowlog|len': '',
    'acl|whoami': '',
    'acl|getuser': 'default',
    'acl|dryrun': 'default ping',
    'acl|log': '',
    'command|info': 'get',
    'cluster|nodes': '',
    'cluster|countkeysinslot': '0',
  }),
  { command: 'cluster|slot-stats', features: ['ops'], args: ['ORDERBY', 'KEY-COUNT'], isNew: true },
]

/** What a replica does at its primary: redis.io, "ACL", "ACL rules for Sentinel and Replicas". */
export const REPLICA_RULES: readonly string[] = ['-@all', '+psync', '+replconf', '+ping']

/** What Sentinels do at servers, from the same page. */
export const SENTINEL_RULES: readonly string[] = [
  ...['&*', '-@all', '+ping', '+info', '+role', '+publish', '+subscribe', '+multi', '+exec'],
  ...['+slaveof', '+replicaof', '+config|rewrite', '+client|setname', '+client|kill'],
  '+script|kill',
]
