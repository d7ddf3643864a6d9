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
  const rest = [String(keys.length), ...keys, ...args]
  return wire
    .sendCommand(['EVALSHA', script.sha1, ...rest], BYTES, written)
    .catch((error: unknown) => {
      // After a restart or SCRIPT FLUSH; nothing was carried out. EVAL makes it known again.
      if (noScript(error) && isWanted())
        return wire.sendCommand(['EVAL', script.text, ...rest], BYTES, written)
      throw error
    })
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
