import { STATUS_CODES } from 'node:http'
import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Inject,
  Logger,
} from '@nestjs/common'
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core'
import { SojournError } from '../../core/errors.ts'

const FIRST_SERVER_ERROR = 500
const logger = new Logger('Sojourn')

/**
 * Answers errors of sessions with their status, such as 503 while the store does not answer; Nest would make
 * 500 of them. Filters of the application's own come before it.
 */
export class SojournExceptionFilter implements ExceptionFilter<SojournError> {
  readonly #host: HttpAdapterHost

  constructor(host: HttpAdapterHost) {
    this.#host = host
  }

  catch(error: SojournError, host: ArgumentsHost): unknown {
    // GraphQL and sockets report errors as they are.
    if (host.getType<string>() !== 'http') return error
    const { status: statusCode, code } = error
    if (statusCode >= FIRST_SERVER_ERROR) logger.error(error)
    const body = { statusCode, message: STATUS_CODES[statusCode] ?? 'Error', code }
    const base = new BaseExceptionFilter(this.#host.httpAdapter)
    base.catch(new HttpException(body, statusCode, { cause: error }), host)
    return undefined
  }
}

Catch(SojournError)(SojournExceptionFilter)
Inject(HttpAdapterHost)(SojournExceptionFilter, undefined, 0)
