import { call, here } from './api.js'
import { $, h, keyed, setText } from './dom.js'
import { left, moment, plural } from './format.js'
import { failed, now, onState, own, refresh, state } from './state.js'

export function startDevicesPanel() {
  $('add-device').addEventListener('click', () => {
    const done = ({ device, node }) =>
      `${device} has signed in on node ${node}; its cookie never came here.`
    void act('devices', { policy: $('at-limit').value }, done)
  })
  $('end-others').addEventListener('click', () => {
    const done = ({ ended }) => `${plural(ended, 'other device')} signed out.`
    void act('devices/end-others', {}, done)
  })
  onState(show)
  setInterval(tick, 1000)
}

async function act(path, body, done) {
  const result = $('devices-result')
  try {
    const answer = await call(here, path, body)
    result.className = 'result'
    setText(result, done(answer))
    await refresh()
  } catch (error) {
    failed(error, result)
  }
}

function make({ id, device, shown, current }) {
  const end = h(
    'button',
    {
      type: 'button',
      'aria-label': `End the session ${shown} on ${device}`,
      onclick: () =>
        void act('devices/end', { id }, ({ ended }) =>
          ended ? `Ended the session on ${device}.` : `The session on ${device} had ended before.`,
        ),
    },
    'End',
  )
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, device, current ? h('span', { className: 'tag' }, 'this one') : ''),
    h('td', { className: 'mono', 'data-label': 'Session' }, shown),
    h('td', { className: 'num', 'data-label': 'Address' }),
    h('td', { className: 'num', 'data-label': 'Created' }),
    h('td', { className: 'num', 'data-label': 'Active' }),
    h('td', { className: 'num', 'data-label': 'Expires in' }),
    h('td', { className: 'act' }, end),
  )
}

function show() {
  const known = own() !== undefined
  const devices = state.devices ?? []
  const signedIn = own()?.session?.principal !== undefined
  $('device-table').hidden = !signedIn
  $('add-device').disabled = !signedIn
  $('end-others').disabled = !devices.some(({ current }) => !current)
  setText(
    $('devices-note'),
    signedIn
      ? `${plural(devices.length, 'session')} of ${own().session.principal}, at most ${state.most}`
      : known
        ? 'Sign in to see where you are signed in.'
        : '',
  )
  keyed(
    $('device-rows'),
    devices,
    ({ id, current }) => `${id}${current}`,
    make,
    (row, device) => {
      const [, , address, created, active] = row.children
      setText(address, device.address ?? '–')
      setText(created, device.createdAt ? moment(device.createdAt) : '–')
      setText(active, device.lastActiveAt ? moment(device.lastActiveAt) : '–')
    },
  )
  tick()
}

function tick() {
  for (const [i, { expiresAt }] of (state.devices ?? []).entries()) {
    const row = $('device-rows').children[i]
    if (row) setText(row.children[5], left(expiresAt - now()))
  }
}
