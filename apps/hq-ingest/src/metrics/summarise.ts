import { emptyCounts } from '@hq-export/contract'
import type { Logger } from 'pino'
import type { IngestMetrics } from './ingest-metrics.ts'

const PERIOD_MS = 60_000

/** Metrics that also write one log line a minute. */
export interface Summary {
  readonly metrics: IngestMetrics
  /** Ends it, with a last line. */
  readonly stop: () => void
}

/** One line a minute of what was decided and refused, and none for a minute without anything. */
export function summarise(
  metrics: IngestMetrics,
  log: Logger,
  periodMs: number = PERIOD_MS,
): Summary {
  const none = () => ({ batches: 0, refused: 0, counts: emptyCounts(0) })
  let sum = none()
  const write = () => {
    const { batches, refused, counts } = sum
    sum = none()
    if (batches + refused > 0) log.info({ batches, refused, counts }, 'received')
  }
  const timer = setInterval(write, periodMs)
  return {
    metrics: {
      ...metrics,
      decided(batch) {
        metrics.decided(batch)
        sum.batches++
        if (batch.replayed) return
        for (const [name, count] of Object.entries(batch.answer.counts)) {
          sum.counts[name as keyof typeof sum.counts] += count
        }
      },
      refused(code) {
        metrics.refused(code)
        sum.refused++
      },
    },
    stop() {
      clearInterval(timer)
      write()
    },
  }
}
