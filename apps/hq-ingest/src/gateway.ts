import type { HttpBindings } from '@hono/node-server'
import {
  BATCHES_PATH,
  IDEMPOTENT_REPLAYED,
  LIVE_PATH,
  PROBLEM_CONTENT_TYPE,
  PROBLEMS,
  type ProblemCode,
  problemType,
  READY_PATH,
} from '@hq-export/contract'
import { Hono } from 'hono'
import type { Logger } from 'pino'
import { CallerGoneError } from './batch/read-body.ts'
import { type Receiving, receiveBatch } from './batch/receive-batch.ts'
import { DatabaseUnavailableError } from './db/database-failure.ts'
import { measureRequest } from './metrics/measure-request.ts'
import { checkReady } from './ready.ts'
import { problemOf, Refusal } from './refusal.ts'
import { traceRequest } from './trace-request.ts'

export interface GatewayOptions extends Receiving {
  readonly log: Logger
}

function json(body: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    headers: { 'content-type': 'application/json', ...headers },
  })
}

function refuse(refusal: Refusal): Response {
  const problem = problemOf(refusal)
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'content-type': PROBLEM_CONTENT_TYPE, ...refusal.headers },
  })
}

/** Whatever a step throws as the refusal that the caller sees; the log gets what the caller must not. */
function toRefusal(error: unknown, log: Logger): Refusal {
  if (error instanceof Refusal) {
    const reason = typeof error.cause === 'string' ? error.cause : undefined
    log.info({ code: error.code, detail: error.detail, reason }, 'refused')
    return error
  }
  if (error instanceof DatabaseUnavailableError) {
    // PostgreSQL's message may quote a value; its SQLSTATE cannot.
    log.error({ sqlstate: error.sqlstate, reason: reasonOf(error.cause) }, 'HQ cannot be written')
    return new Refusal('database_unavailable')
  }
  if (error instanceof CallerGoneError) {
    log.info('the caller went away')
    return new Refusal('body_timeout')
  }
  log.error({ frames: framesOf(error) }, 'a batch failed by a defect of the gateway')
  return new Refusal('internal_error')
}

/** Code of a connection error; never a text that could hold a value. */
function reasonOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined
  return 'code' in cause ? String(cause.code) : cause.name
}

/** Where a defect is; its message stays away from the log, because parsers quote what they were given. */
function framesOf(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  return stack.split('\n').filter((line) => line.startsWith('    at '))
}

/** The gateway's routes over `options`; starts nothing and holds no state of its own. */
export function createGateway(options: GatewayOptions): Hono<{ Bindings: HttpBindings }> {
  const { admission, pool, log, metrics } = options
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.use(measureRequest(metrics))

  app.use(async (context, next) => {
    await next()
    // While draining, every answer ends its connection, so that no caller's next request meets a closed door.
    if (admission.draining) context.header('connection', 'close')
  })

  app.post(BATCHES_PATH, ({ env: { incoming } }) =>
    traceRequest(incoming, async () => {
      try {
        const { answer, replayed } = await receiveBatch(incoming, options)
        const { batch, status, counts } = answer
        log.debug({ batch, status, counts, replayed }, 'batch')
        return json(answer, replayed ? { [IDEMPOTENT_REPLAYED]: 'true' } : {})
      } catch (error) {
        const refusal = toRefusal(error, log)
        metrics.refused(refusal.code)
        return refuse(refusal)
      }
    }),
  )

  app.get(LIVE_PATH, () => json({ status: 'alive' }))

  app.get(READY_PATH, async () => {
    try {
      await checkReady(pool, admission)
      return json({ status: 'ready' })
    } catch (error) {
      return refuse(toRefusal(error, log))
    }
  })

  // `type` of every problem is a reference to here (RFC 9457).
  for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
    app.get(problemType(code), () => json({ code, ...PROBLEMS[code] }))
  }

  const methods = { [BATCHES_PATH]: 'POST', [LIVE_PATH]: 'GET, HEAD', [READY_PATH]: 'GET, HEAD' }
  for (const [path, allow] of Object.entries(methods)) {
    app.all(path, () =>
      refuse(new Refusal('method_not_allowed', undefined, { headers: { allow } })),
    )
  }
  app.notFound(() => refuse(new Refusal('not_found')))
  app.onError((error) => refuse(toRefusal(error, log)))
  return app
}
