import { userInfo } from 'node:os'

/** Who runs this process, for the audit. */
export function operator(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run as somebody whom its system has no name for.
    return `uid ${process.getuid?.() ?? '?'}`
  }
}
