import type { Exchange, SetCookies } from '../../core/exchange.ts'
import { addSessionHeaders } from '../fetch/headers.ts'
import type { FetchMount } from '../fetch/mount.ts'
import type { CookieJar } from './platform.ts'
import type { NextRequest } from './requests.ts'
import { fieldsOf } from './set-cookie.ts'

/** From now on the request's cookie is the one that the browser will have. */
export function keepCookie<Data extends object>(
  request: NextRequest<Data>,
  exchange: Exchange<Data>,
  jar: CookieJar,
): SetCookies {
  const cookies = exchange.sendHeaders()
  request.opened = undefined
  if (cookies === undefined) return undefined
  const { token } = exchange.session
  if (token === undefined) request.cookie = undefined
  // Others are of the system that sessions are taken over from.
  for (const fields of (typeof cookies === 'string' ? [cookies] : cookies).map(fieldsOf)) {
    jar.set(fields)
    if (fields.value === token) request.cookie = `${fields.name}=${token}`
  }
  return cookies
}

/** A route handler's response. Next adds the cookie; what keeps it out of shared caches is ours to say. */
export function answerWith<Data extends object>(
  response: Response,
  exchange: Exchange<Data>,
  mount: FetchMount<Exchange<Data>, object>,
  cookie: SetCookies,
): Response {
  const isFollowed = exchange.lasting && response.body !== null
  const body = isFollowed && response.body ? mount.follow(exchange, response.body) : response.body
  if (!isFollowed) exchange.release()
  if (!exchange.accessed && cookie === undefined) return response
  const answer = new Response(body, response)
  addSessionHeaders(answer.headers, cookie)
  answer.headers.delete('set-cookie')
  for (const each of response.headers.getSetCookie()) answer.headers.append('set-cookie', each)
  return answer
}
