import { describe, expect, it } from 'vitest'
import { StoreRefusedError, StoreUnavailableError } from '../../../src/core/errors.ts'
import {
  isRefusal,
  replyError,
  sentError,
  unreachableError,
} from '../../../src/engines/redis/errors.ts'
import { ErrorReply } from '../../../src/engines/redis/resp.ts'

const canary = 'sj:{abc}:s:KeyOfSomebody0123456789'

describe('replies', () => {
  it.each([
    ["OOM command not allowed when used memory > 'maxmemory'.", 'OOM'],
    ['ERR Error running script (call to f_1): @user_script:1: -OOM command not allowed', 'OOM'],
    ["READONLY You can't write against a read only replica.", 'READONLY'],
    [`NOPERM No permissions to access the '${canary}' key`, 'NOPERM'],
    ["ERR The user executing the script can't run this command or subcommand", 'NOPERM'],
    ['NOAUTH Authentication required.', 'NOAUTH'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'WRONGPASS'],
    ['ERR AUTH <password> called without any password configured for the default', 'WRONGPASS'],
    ['MISCONF Redis is configured to save RDB snapshots', 'MISCONF'],
    ['NOREPLICAS Not enough good replicas to write.', 'NOREPLICAS'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'WRONGTYPE'],
    [`ERR unknown command 'HELLO', with args beginning with: '3'`, 'NOPROTO'],
    [`ERR unknown command 'x', with args beginning with: '${canary}'`, 'ERR'],
    [`SOMETHINGNEW ${canary}`, 'SOMETHINGNEW'],
  ])('%s is a refusal', (text, reason) => {
    const error = sentError(new ErrorReply(text), 'commit')
    expect(error).toBeInstanceOf(StoreRefusedError)
    expect(error).toMatchObject({ reason })
    expect(error.message).toMatch(/^commit: Redis refused \([A-Z]+\): .{20,}$/)
    expect(`${error.stack} ${String(error.cause)}`).not.toContain(canary)
    expect(isRefusal(new ErrorReply(text))).toBe(true)
  })

  it.each([
    "NOPERM this user has no permissions to run the 'client|tracking' command",
    "ERR ACL failure in script: User app has no permissions to run the 'hset' command script: 1de0",
  ])('%s names the command', (text) => {
    const { message } = sentError(new ErrorReply(text), 'commit')
    expect(message).toMatch(
      /^commit: Redis refused \(NOPERM for (client\|tracking|hset)\): .*ACL LOG/,
    )
  })

  it.each([
    ['LOADING Redis is loading the dataset in memory', 'LOADING'],
    ['MASTERDOWN Link with MASTER is down', 'MASTERDOWN'],
    ['CLUSTERDOWN Hash slot not served', 'CLUSTERDOWN'],
    ['BUSY Redis is busy running a script.', 'BUSY'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'TRYAGAIN'],
    ['ERR max number of clients reached', 'MAXCLIENTS'],
  ])('%s is a passing condition, and nothing was carried out', (text, reason) => {
    const error = replyError(new ErrorReply(text), 'load')
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error).toMatchObject({ indeterminate: false, status: 503 })
    expect(error.message).toContain(`(${reason})`)
    expect(isRefusal(new ErrorReply(text))).toBe(false)
  })
})

describe('the network', () => {
  it.each(['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'CERT_HAS_EXPIRED', 'EWHATEVER'])(
    '%s is named with what to do',
    (code) => {
      const cause = Object.assign(new Error('connect'), { code })
      const error = unreachableError(cause, 'load', 500)
      expect(error).toMatchObject({ indeterminate: false, cause })
      expect(error.message).toMatch(new RegExp(`500 ms: .*\\(${code}\\)`))
    },
  )

  it('a lost connection leaves the outcome unknown', () => {
    const cause = new Error('Socket closed unexpectedly')
    expect(sentError(cause, 'commit')).toMatchObject({ indeterminate: true, cause })
  })
})
