/**
 * The rows of the table. A race answers `{ forced, bad, later? }`: `forced` whether it was the race
 * it is meant to be, `bad` what the user would suffer, in words, or nothing. `later` is for what can
 * only be asked after a wait: `{ after: milliseconds, bad() }`.
 */
export const rows = [
  {
    name: 'update lost, different attributes',
    race: (race) =>
      twoWriters(race, ['/write/left?value=a', '/write/right?value=b'], ({ left, right }) => {
        if (left !== 'a') return 'the first change is lost'
        if (right !== 'b') return 'the second change is lost'
      }),
  },
  {
    name: 'update lost, same attribute (merge: list)',
    race: (race) =>
      twoWriters(race, ['/write/cart?value=a', '/write/cart?value=b'], ({ skus }) => {
        if (!(skus.includes('a') && skus.includes('b'))) return `the cart holds ${skus.join()}`
        if (skus.length !== 2) return `an item is there twice: ${skus.join()}`
      }),
  },
  {
    name: 'update lost, same attribute (merge: counter)',
    race: (race) =>
      twoWriters(race, ['/write/hits', '/write/hits'], ({ hits }) => {
        if (hits !== 2) return `2 were counted as ${hits}`
      }),
  },
  { name: 'alive after logout, slow request writes', race: logoutWhileWriting },
  { name: 'old id alive after login, slow request writes', race: loginWhileWriting },
  {
    name: 'old id alive after rotation and grace, slow request writes',
    race: (race) => rotateWhileWriting(race, oldIdIsDead),
  },
  {
    name: 'update lost, slow request writes across a rotation',
    race: (race) => rotateWhileWriting(race, slowWriteIsThere),
  },
  {
    name: 'signed out by parallel request with old id after rotation',
    race: (race) => oldIdAfter(race, '/rotate'),
  },
  {
    name: 'signed out by parallel request with old id after login',
    race: (race) => oldIdAfter(race, `/login?user=${userOf(race)}&mark=new`),
  },
  {
    name: 'signed out by slow request from before logout and new login',
    race: logoutLoginWhileWriting,
  },
  { name: 'signed out by slow request from before rotation and grace', race: slowerThanGrace },
  { name: 'signed out by two rotations answered in the other order', race: twoRotations },
]

/** Both requests have read the session before either writes. */
async function twoWriters(race, [first, second], check) {
  const { browser } = await race.start(userOf(race))
  const a = await race.sendHeld('a', browser, race.first, first)
  const b = await race.sendHeld('b', browser, race.second, second)
  // Half of the races write at the same time, in the others the later reader is done first.
  const together = race.index % 4 < 2
  const answers = together
    ? await Promise.all([a.finish(), b.finish()])
    : [await b.finish(), await a.finish()]
  const sawNothing = answers.every(
    ({ read }) =>
      read.mark === race.name &&
      read.hits === 0 &&
      read.skus.length === 0 &&
      read.left === undefined &&
      read.right === undefined,
  )
  const inOrder = together
    ? race.happened('a held', 'b held', 'a released', 'b released')
    : race.happened('a held', 'b held', 'b released', 'b answered', 'a released', 'a answered')
  const state = await race.ask(browser)
  const bad = state.mark === race.name ? check(state) : 'the session is gone'
  return { forced: sawNothing && inOrder, bad }
}

async function logoutWhileWriting(race) {
  const session = await race.start(userOf(race))
  const { browser } = session
  const slow = await race.sendHeld('slow', browser, race.first, '/write/left?value=a')
  await race.send('logout', browser, race.second, '/logout')
  const { read } = await slow.finish()
  const alive = await race.isAlive(session)
  return {
    forced: read.user === userOf(race) && race.happened('slow held', 'logout answered', ...FINISH),
    bad: alive ? 'the old cookie opens the session' : stillSignedIn(await race.ask(browser)),
  }
}

/** In half of the races somebody is signed in before the login. */
async function loginWhileWriting(race) {
  const session = await race.start(race.index % 4 < 2 ? undefined : userOf(race))
  const { browser } = session
  const slow = await race.sendHeld('slow', browser, race.first, '/write/left?value=a')
  const { id } = await race.send(
    'login',
    browser,
    race.second,
    `/login?user=${userOf(race)}&mark=new`,
  )
  const { read } = await slow.finish()
  return {
    forced:
      read.mark === race.name &&
      id !== session.id &&
      race.happened('slow held', 'login answered', ...FINISH),
    bad: (await race.isAlive(session))
      ? 'the old cookie opens the old session'
      : signedOut(race, await race.ask(browser)),
  }
}

async function rotateWhileWriting(race, check) {
  const session = await race.start(userOf(race))
  const { browser } = session
  const slow = await race.sendHeld('slow', browser, race.first, '/write/left?value=a')
  const { id } = await race.send('rotation', browser, race.second, '/rotate')
  const cookies = browser.cookies
  const { read } = await slow.finish()
  const forced =
    read.user === userOf(race) &&
    id !== session.id &&
    race.happened('slow held', 'rotation answered', ...FINISH)
  return { forced, ...(await check(race, session, cookies)) }
}

async function oldIdIsDead(race, session, cookies) {
  // The grace may begin with the first use of the new cookie.
  return {
    bad: signedOut(race, await race.ask(session.browser, cookies)),
    later: {
      after: race.rotationGrace,
      bad: async () =>
        (await race.isAlive(session)) ? 'the old cookie opens the session' : undefined,
    },
  }
}

async function slowWriteIsThere(race, session, cookies) {
  const { left } = await race.ask(session.browser, cookies)
  return { bad: left === 'a' ? undefined : 'the slow request’s change is lost' }
}

/**
 * The new id is stored and its cookie under way when the browser sends another request, still with
 * the old one; that request writes and its answer comes last.
 */
async function oldIdAfter(race, path) {
  const session = await race.start(userOf(race))
  const { browser, cookies } = session
  const renewal = await race.sendHeld('renewal', browser, race.second, path)
  const renewedAt = Date.now()
  const late = await race.sendHeld('late', browser, race.first, '/write/left?value=a', cookies)
  const waited = Date.now() - renewedAt
  const { id } = await renewal.finish()
  const renewed = browser.cookies
  await late.finish()
  const state = await race.ask(browser)
  const forced =
    id !== session.id &&
    renewed !== cookies &&
    waited < race.rotationGrace &&
    race.happened('renewal held', 'late held', 'renewal answered', 'late released', 'late answered')
  return { forced, bad: signedOut(race, state) ?? forked(state, id) }
}

const FINISH = ['slow released', 'slow answered']

const userOf = (race) => `user-${race.name}`
const signedOut = (race, { user }) => (user === userOf(race) ? undefined : 'the user is signed out')
const stillSignedIn = ({ user }) => (user === undefined ? undefined : 'the browser is signed in')
const forked = ({ id }, expected) => (id === expected ? undefined : 'the session was forked')

async function logoutLoginWhileWriting(race) {
  const session = await race.start(userOf(race))
  const { browser } = session
  const slow = await race.sendHeld('slow', browser, race.first, '/write/left?value=a')
  await race.send('logout', browser, race.second, '/logout')
  await race.send('login', browser, race.second, `/login?user=${userOf(race)}&mark=new`)
  const { read } = await slow.finish()
  const forced =
    read.user === userOf(race) &&
    race.happened('slow held', 'logout answered', 'login answered', ...FINISH)
  return { forced, bad: signedOut(race, await race.ask(browser)) }
}

async function slowerThanGrace(race) {
  const { browser } = await race.start(userOf(race))
  const slow = await race.sendHeld('slow', browser, race.first, '/write/left?value=a')
  await race.send('rotation', browser, race.second, '/rotate')
  await race.ask(browser)
  return {
    forced: race.happened('slow held', 'rotation answered'),
    later: {
      after: race.rotationGrace,
      async bad() {
        const { read } = await slow.finish()
        if (read.user !== userOf(race)) return 'the slow request had not read the session'
        return signedOut(race, await race.ask(browser))
      },
    },
  }
}

async function twoRotations(race) {
  const { browser } = await race.start(userOf(race))
  const a = await race.sendHeld('a', browser, race.first, '/rotate')
  const b = await race.sendHeld('b', browser, race.second, '/rotate')
  await b.finish()
  await a.finish()
  return {
    forced: race.happened('a held', 'b held', 'b answered', 'a answered'),
    later: {
      after: race.rotationGrace,
      bad: async () => signedOut(race, await race.ask(browser)),
    },
  }
}
