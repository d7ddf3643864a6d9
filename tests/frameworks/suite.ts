/** What every framework adapter has to do, over HTTP. */
import { abortCases } from './cases/aborts.ts'
import { attributeCases } from './cases/attributes.ts'
import { authenticationCases } from './cases/authentication.ts'
import { cachingCases } from './cases/caching.ts'
import { cookieCases } from './cases/cookies.ts'
import { endingCases, nodeEndings, replyEndings } from './cases/endings.ts'
import { failureCases } from './cases/failures.ts'
import { freshCases } from './cases/fresh.ts'
import { headCases } from './cases/heads.ts'
import { lateChangeCases } from './cases/late-changes.ts'
import { rotationCases } from './cases/rotation.ts'
import { secrecyCases } from './cases/secrecy.ts'
import { signalCases } from './cases/signal.ts'
import { strangeCookieCases } from './cases/strange-cookies.ts'
import { streamingCases } from './cases/streaming.ts'
import type { Adapter, NodeAdapter } from './support/adapter.ts'

/** For any framework: its handlers answer through `reply`. */
export function adapterSuite(adapter: Adapter): void {
  endingCases(adapter, replyEndings)
  cookieCases(adapter)
  strangeCookieCases(adapter)
  cachingCases(adapter)
  attributeCases(adapter)
  authenticationCases(adapter)
  rotationCases(adapter)
  failureCases(adapter)
  secrecyCases(adapter)
  signalCases(adapter)
  freshCases(adapter)
}

/** For frameworks that hand out Node's own response. */
export function nodeResponseSuite(adapter: NodeAdapter): void {
  endingCases(adapter, nodeEndings)
  headCases(adapter)
  streamingCases(adapter)
  lateChangeCases(adapter)
  abortCases(adapter)
}
