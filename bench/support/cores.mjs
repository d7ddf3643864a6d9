// What is measured has a core to itself; the servers it needs and the load run on another one.
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const MEASURED = 0
const OTHERS = 1

/** Whether processes can be kept on a core each: needs Linux' taskset and two cores. */
export const canPin =
  availableParallelism() > OTHERS && spawnSync('taskset', ['--version']).status === 0

/** Moves this process, and with it all that it starts from now on, away from the measured core. */
export function leaveMeasuredCore() {
  if (canPin) spawnSync('taskset', ['--all-tasks', '-cp', String(OTHERS), String(process.pid)])
}

/** The command that runs `command` on the measured core. */
export function onMeasuredCore(command) {
  return canPin ? ['taskset', '-c', String(MEASURED), ...command] : command
}
