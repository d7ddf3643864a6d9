import { connect } from 'node:net'

const HEAD_END = '\r\n\r\n'
const LONGEST_ANSWER = 64 * 1024

/** The bytes of a request, made once: while it is measured nothing but sending is left to do. */
export const encodeRequest = (port, { method, path, headers = {} }) =>
  Buffer.from(
    [
      `${method} ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Connection: keep-alive',
      ...(method === 'GET' ? [] : ['Content-Length: 0']),
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      '\r\n',
    ].join('\r\n'),
  )

/**
 * A keep-alive connection that sends a request, waits for its answer, and sends the next.
 * It reads answers whose head tells their length: what all rows give.
 * @param next the bytes to send; undefined ends the connection
 * @param onAnswer `(status, body)`
 * @returns resolves when it has ended; rejects when the server has ended it, or answers what cannot be read
 */
export function keepBusy(port, next, onAnswer) {
  return new Promise((resolve, reject) => {
    let text = ''
    const send = () => {
      const request = next()
      if (request !== undefined) return socket.write(request)
      resolve()
      socket.destroy()
    }
    const take = (read, buffer) => {
      text += buffer.latin1Slice(0, read)
      const headEnd = text.indexOf(HEAD_END)
      if (headEnd === -1) return true
      const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1]
      if (length === undefined) return socket.destroy(new Error(`no length: ${text}`))
      const bodyStart = headEnd + HEAD_END.length
      const end = bodyStart + Number(length)
      if (text.length < end) return true
      if (text.length > end) return socket.destroy(new Error(`more than an answer: ${text}`))
      const answer = text
      text = ''
      onAnswer(Number(answer.slice('HTTP/1.1 '.length, 12)), answer.slice(bodyStart))
      send()
      return true
    }
    const onread = { buffer: Buffer.allocUnsafe(LONGEST_ANSWER), callback: take }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread }, send)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the server has ended the connection')))
  })
}
