import type { EventEmitter } from 'node:events'
import { STATUS_CODES } from 'node:http'
import { type ArgumentsHost, Catch, HttpException, Inject, Logger } from '@nestjs/common'
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core'
import { SojournError } from '../../core/errors.ts'

const FIRST_SERVER_ERROR = 500
const logger = new Logger('Sojourn')

/**
 * Answers errors of sessions with their status, such as 503 while the store does not answer; Nest would make
 * 500 of them. Filters of the application's own come before it.
 */
export class SojournExceptionFilter extends BaseExceptionFilter<SojournError> {
  readonly #adapter: HttpAdapterHost['httpAdapter']

  constructor(host: HttpAdapterHost) {
    super(host.httpAdapter)
    this.#adapter = host.httpAdapter
  }

  override catch(error: SojournError, host: ArgumentsHost): void {
    const { status: statusCode, code } = error
    const message = STATUS_CODES[statusCode] ?? 'Error'
    const type = host.getType<string>()
    if (type === 'ws') {
      // As Nest tells of errors, but for what it is.
      host
        .switchToWs()
        .getClient<EventEmitter>()
        .emit('exception', { status: 'error', message, code })
    } else if (type === 'http') {
      if (statusCode >= FIRST_SERVER_ERROR) logger.error(error)
      const response: unknown = host.switchToHttp().getResponse()
      for (const [name, value] of Object.entries(error.headers ?? {})) {
        this.#adapter.setHeader(response, name, value)
      }
      const body = { statusCode, message, code }
      const answer = new HttpException(body, statusCode, { cause: error })
      BaseExceptionFilter.prototype.catch.call(this, answer, host)
    }
    // Others, such as GraphQL, go on with the error itself where a filter gives nothing.
  }
}

Catch(SojournError)(SojournExceptionFilter)
Inject(HttpAdapterHost)(SojournExceptionFilter, undefined, 0)
