import { publishRetry } from '../../core/diagnostics.ts'
import { noScript } from './errors.ts'
import type { LuaScript } from './scripts.generated.ts'
import type { Place } from './topology.ts'
import { type Argument, BYTES, type Commands } from './wire.ts'

/**
 * Runs a script by its SHA-1; by its text if the server does not know it (yet, or any more).
 * @param written the key that it writes, and then reads, when its answer begins with 1
 */
export function evaluate(
  wire: Commands,
  script: LuaScript,
  keys: readonly string[],
  args: readonly Argument[],
  isWanted: () => boolean,
  written?: string,
): Promise<unknown> {
  const command = evaluation('EVALSHA', script.sha1, keys, args)
  return wire.sendCommand(command, BYTES, written).catch((error: unknown) => {
    // After a restart or SCRIPT FLUSH; nothing was carried out. EVAL makes it known again.
    if (!noScript(error) || !isWanted()) throw error
    publishRetry('script')
    return wire.sendCommand(evaluation('EVAL', script.text, keys, args), BYTES, written)
  })
}

/** Each write makes one: pushed, it is a third of the memory that spreading takes. */
function evaluation(
  name: 'EVAL' | 'EVALSHA',
  script: string,
  keys: readonly string[],
  args: readonly Argument[],
): Argument[] {
  const command: Argument[] = [name, script, String(keys.length)]
  for (let i = 0; i < keys.length; i++) command.push(keys[i] as string)
  for (let i = 0; i < args.length; i++) command.push(args[i] as Argument)
  return command
}

/** See `evaluate`; as one call. */
export function runScript(
  place: Place,
  script: LuaScript,
  keys: readonly string[],
  args: readonly Argument[],
  written?: string,
): Promise<unknown> {
  return place.call(script.name, (wire, isWanted) =>
    evaluate(wire, script, keys, args, isWanted, written),
  )
}
