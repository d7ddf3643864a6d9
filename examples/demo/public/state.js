import { CallError, call, here } from './api.js'

const RETRY = [500, 1_000, 2_000, 3_000]

/** What the page knows. `problem` is why this node cannot serve at the moment. */
export const state = {
  /** By node: { ok, data, ms } or { ok: false, error } */
  nodes: {},
  devices: undefined,
  /** So many devices may be signed in. */
  most: undefined,
  problem: undefined,
  /** Server's clock minus ours, milliseconds. */
  skew: 0,
  racing: false,
  /** An action of this page is under way: what changes is its doing. */
  acting: false,
}

const listeners = new Set()
let turn = 0
let failures = 0
let retry
let soon

export const onState = (listener) => listeners.add(listener)
export const own = () => state.nodes[here]?.data
export const now = () => Date.now() + state.skew

export function tell() {
  for (const listener of listeners) listener()
}

async function ask(node) {
  const start = performance.now()
  try {
    const data = await call(node, 'state')
    const { ok, code, message } = data.store
    if (!ok) throw new CallError(node, 503, code, message)
    return { ok: true, data, ms: performance.now() - start }
  } catch (error) {
    return { ok: false, error }
  }
}

/** Asks both nodes anew. Answers that a later question has overtaken do not count. */
export async function refresh() {
  clearTimeout(soon)
  soon = undefined
  const mine = ++turn
  const [a, b] = await Promise.all([ask('A'), ask('B')])
  if (mine !== turn) return
  const answers = { A: a, B: b }
  const answer = answers[here]
  // What was last known stays on the page, dimmed.
  if (!answer.ok) answer.data = own()
  else state.skew = answer.data.now - Date.now()
  state.nodes = answers
  setProblem(answer.ok ? undefined : answer.error)
  if (answer.ok) await refreshDevices(mine)
  if (mine === turn) tell()
}

async function refreshDevices(mine) {
  if (own().session?.principal === undefined) {
    state.devices = undefined
    return
  }
  try {
    const { devices, most } = await call(here, 'devices')
    if (mine === turn) Object.assign(state, { devices, most })
  } catch (error) {
    if (mine === turn && error.status !== 401) setProblem(error)
  }
}

function setProblem(error) {
  state.problem = error
  clearTimeout(retry)
  if (error === undefined) {
    failures = 0
    return
  }
  retry = setTimeout(() => void refresh(), RETRY[Math.min(failures, RETRY.length - 1)])
  failures += 1
}

/** Once for many reasons in a row. */
export function refreshSoon() {
  if (!state.racing) soon ??= setTimeout(() => void refresh(), 100)
}

/** The outcome of an action that failed: shown where the person looks, and as the page's state. */
export function failed(error, result) {
  if (error.status === undefined) throw error
  result.className = 'result bad failed'
  result.textContent = `${error.status || ''} ${error.code}: ${error.message}`.trim()
  void refresh()
}
