import { ALLOW, DATA, perServer, type Rule, unknown } from '../finding.ts'

/** Milliseconds. */
const OFF = 250
const FAR_OFF = 2_000

export const machineRules: readonly Rule[] = [
  {
    id: 'sys.thp',
    group: 'Machine',
    well: 'no transparent huge pages, where doctor runs on its machine',
    check: perServer(DATA, ({ host, config }) => {
      // From 6.2 on it turns them off for itself, unless told otherwise.
      if (host?.transparentHugePages !== 'always') return undefined
      if (config === undefined) return unknown('its disable-thp', ALLOW.config)
      if (config.get('disable-thp') !== 'no') return undefined
      return {
        severity: 'warn',
        seen: 'transparent huge pages are on, and disable-thp is no',
        why: 'after each fork a write copies 2 MiB instead of 4 KiB: requests wait, memory doubles',
        fix: [
          '`disable-thp yes` in its configuration, and a restart',
          'or `echo never > /sys/kernel/mm/transparent_hugepage/enabled`',
        ],
      }
    }),
  },
  {
    id: 'sys.overcommit',
    group: 'Machine',
    well: 'the system lets it fork, where doctor runs on its machine',
    check: perServer(DATA, ({ host, info, config }) => {
      if (host?.overcommitMemory !== 0) return undefined
      const hasFile = info.get('aof_enabled') === '1'
      const save = config?.get('save')
      if (!hasFile && save === undefined) return unknown('whether it saves', ALLOW.config)
      if (!hasFile && save === '') return undefined
      return {
        severity: 'warn',
        seen: 'vm.overcommit_memory is 0',
        why: 'when more than half of the memory is used a snapshot or a rewrite fails, and with it writes',
        fix: ['`sysctl vm.overcommit_memory=1`, and the same line in /etc/sysctl.conf'],
      }
    }),
  },
  {
    id: 'sys.clock',
    group: 'Machine',
    well: 'clocks agree',
    check: (facts) => [
      ...perServer(DATA, ({ clockOffset }) => {
        if (clockOffset === undefined) return unknown('its time', ALLOW.time)
        if (Math.abs(clockOffset) <= OFF) return undefined
        // To a tenth: servers of one machine differ by chance.
        const seconds = (Math.abs(clockOffset) / 1_000).toFixed(1)
        return {
          severity: Math.abs(clockOffset) > FAR_OFF ? 'error' : 'warn',
          seen: `its clock is ${seconds} s ${clockOffset > 0 ? 'ahead of' : 'behind'} that of this machine`,
          why: "deadlines are by the server's clock: after a failover to one that is ahead sessions end early, behind late",
          fix: [
            '`chronyc tracking` or `timedatectl` on both machines: one of them does not follow its time server',
          ],
        }
      })(facts),
    ],
  },
]
