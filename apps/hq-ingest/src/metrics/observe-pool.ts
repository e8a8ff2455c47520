import type { Meter } from '@opentelemetry/api'
import type pg from 'pg'

const POOL = { 'db.client.connection.pool.name': 'hq' }

/** Gauges over the pool of HQ sessions (semantic conventions, database client metrics). */
export function observePool(meter: Meter, pool: () => pg.Pool | undefined): void {
  meter
    .createObservableGauge('db.client.connection.count', {
      unit: '{connection}',
      description: 'sessions by whether they are in use',
    })
    .addCallback((result) => {
      const { totalCount = 0, idleCount = 0 } = pool() ?? {}
      result.observe(idleCount, { ...POOL, 'db.client.connection.state': 'idle' })
      result.observe(totalCount - idleCount, { ...POOL, 'db.client.connection.state': 'used' })
    })
  meter
    .createObservableGauge('db.client.connection.pending_requests', {
      unit: '{request}',
      description: 'requests that wait for a session',
    })
    .addCallback((result) => result.observe(pool()?.waitingCount ?? 0, POOL))
}
