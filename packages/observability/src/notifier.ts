import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from './logger.ts'

/**
 * A condition that holds now and that somebody should know of. Names and words are those of the
 * Prometheus rules.
 */
export interface Condition {
  readonly alert: string
  readonly severity: 'warning' | 'critical'
  readonly summary: string
  readonly labels?: Readonly<Record<string, string>>
  /** How long it must hold before anybody is told, in milliseconds. */
  readonly forMs: number
}

/** One alert in Alertmanager's webhook format. */
interface WebhookAlert {
  readonly status: 'firing' | 'resolved'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  /** Zero time while it fires. */
  readonly endsAt: string
  readonly generatorURL: string
  readonly fingerprint: string
}

interface Held {
  condition: Condition
  readonly since: number
  toldAt: number | undefined
}

const PERIOD_MS = 15_000
/** Alertmanager's default `repeat_interval`. */
const REPEAT_MS = 4 * 3_600_000
const TIMEOUT_MS = 10_000
const ZERO_TIME = '0001-01-01T00:00:00Z'

export interface NotifierOptions {
  readonly url: string
  /** Name of the program that tells. */
  readonly receiver: string
  readonly read: () => readonly Condition[]
  readonly log: Logger
  /**
   * Milliseconds since the epoch; default a clock that does not step, for it measures how long
   * something holds.
   */
  readonly now?: () => number
  readonly periodMs?: number
}

function labelsOf({ alert, severity, labels }: Condition): Record<string, string> {
  return { alertname: alert, severity, ...labels }
}

function fingerprintOf(condition: Condition): string {
  const labels = Object.entries(labelsOf(condition)).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(labels)).digest('hex').slice(0, 16)
}

/**
 * Tells a webhook of alerts, in the JSON of Alertmanager's webhook receiver (version 4), for those
 * who run no Prometheus. An alert is told once it has held long enough, again every four hours, and
 * once more when it is over. What cannot be told is told at the next look.
 */
export class Notifier {
  readonly #options: NotifierOptions
  readonly #held = new Map<string, Held>()
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: NotifierOptions) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** One look; returns after whoever had to be told was told, or could not be. */
  async look(): Promise<void> {
    const { read, now = steadyNow } = this.#options
    const at = now()
    const current = new Map(read().map((condition) => [fingerprintOf(condition), condition]))
    for (const [fingerprint, condition] of current) {
      const held = this.#held.get(fingerprint)
      if (held === undefined)
        this.#held.set(fingerprint, { condition, since: at, toldAt: undefined })
      else held.condition = condition
    }
    const due = [...this.#held].filter(([fingerprint, held]) =>
      current.has(fingerprint) ? isDue(held, at) : held.toldAt !== undefined,
    )
    if (due.length > 0) {
      const alerts = due.map(([fingerprint, held]) =>
        webhookAlert(fingerprint, held, current.has(fingerprint) ? undefined : at),
      )
      if (!(await this.#tell(alerts))) return
    }
    for (const [fingerprint, held] of due) if (current.has(fingerprint)) held.toldAt = at
    for (const fingerprint of this.#held.keys()) {
      if (!current.has(fingerprint)) this.#held.delete(fingerprint)
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await this.look()
      await delay(this.#options.periodMs ?? PERIOD_MS, undefined, { signal }).catch(() => {})
    }
  }

  /** False where nobody was told. */
  async #tell(alerts: readonly WebhookAlert[]): Promise<boolean> {
    const { url, receiver, log } = this.#options
    const isFiring = alerts.some(({ status }) => status === 'firing')
    const body = JSON.stringify({
      version: '4',
      groupKey: `{}:{receiver="${receiver}"}`,
      truncatedAlerts: 0,
      status: isFiring ? 'firing' : 'resolved',
      receiver,
      groupLabels: {},
      commonLabels: {},
      commonAnnotations: {},
      externalURL: '',
      alerts,
    })
    try {
      // Not before there is somebody to tell: it takes 20 MB.
      const { request } = await import('undici')
      const response = await request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        headersTimeout: TIMEOUT_MS,
        bodyTimeout: TIMEOUT_MS,
        signal: this.#stopping.signal,
      })
      await response.body.dump()
      if (response.statusCode < 300) return true
      log.warn({ status: response.statusCode }, 'the alert webhook refused; telling it again')
    } catch (error) {
      if (this.#stopping.signal.aborted) return false
      log.warn(
        { code: (error as { code?: string }).code },
        'the alert webhook cannot be reached; telling it again',
      )
    }
    return false
  }
}

/**
 * Milliseconds since the epoch by the system's clock at the start of the process, and from there on
 * without its steps.
 */
function steadyNow(): number {
  return performance.timeOrigin + performance.now()
}

function isDue({ condition, since, toldAt }: Held, at: number): boolean {
  return toldAt === undefined ? at - since >= condition.forMs : at - toldAt >= REPEAT_MS
}

function webhookAlert(fingerprint: string, held: Held, endedAt: number | undefined): WebhookAlert {
  const { condition, since } = held
  return {
    status: endedAt === undefined ? 'firing' : 'resolved',
    labels: labelsOf(condition),
    annotations: {
      summary: condition.summary,
      runbook: `docs/RUNBOOK.md#${condition.alert.toLowerCase()}`,
    },
    startsAt: new Date(since).toISOString(),
    endsAt: endedAt === undefined ? ZERO_TIME : new Date(endedAt).toISOString(),
    generatorURL: '',
    fingerprint,
  }
}
