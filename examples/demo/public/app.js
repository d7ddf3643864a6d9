import { here } from './api.js'
import { startCartPanel } from './cart-panel.js'
import { startDevicesPanel } from './devices-panel.js'
import { $, setText } from './dom.js'
import { startEventsPanel } from './events-panel.js'
import { startEverywherePanel } from './everywhere-panel.js'
import { startRacePanel } from './race-panel.js'
import { startSessionPanel } from './session-panel.js'
import { onState, refresh, state } from './state.js'

let wasProblem = false

/** The node cannot serve: said in words, what was last known is dimmed, and the page tries again. */
function showProblem() {
  const { problem } = state
  $('banner').hidden = problem === undefined
  document.body.classList.toggle('stale', problem !== undefined)
  if (problem === undefined) {
    if (wasProblem) for (const result of document.querySelectorAll('.failed')) setText(result, '')
    wasProblem = false
    return
  }
  wasProblem = true
  setText($('banner-code'), `${problem.status || ''} ${problem.code}`.trim())
  setText(
    $('banner-text'),
    problem.status === 503
      ? `Node ${here} cannot reach the session store. It is tried again every few seconds.`
      : `${problem.message} It is tried again.`,
  )
}

startSessionPanel()
startCartPanel()
startRacePanel()
startDevicesPanel()
startEverywherePanel()
startEventsPanel()
onState(showProblem)
$('banner-retry').addEventListener('click', () => void refresh())
void refresh()
