// Node 20 makes an object for each `process.nextTick`, and V8 the hidden classes of it. When none of these objects
// is alive as the old space is collected, which is so in a process that rests, the classes are collected too, and
// from then on each tick goes through the runtime: every request costs some 7 µs more, for the life of the process.
// Whether that happens is chance, here: it would be measured instead of the session. One tick is kept alive.
import { createHook } from 'node:async_hooks'

/** @returns the tick, for as long as it is to live */
export function keepTick() {
  let tick
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      if (type === 'TickObject') tick ??= resource
    },
  })
  hook.enable()
  process.nextTick(() => undefined)
  hook.disable()
  return tick
}
