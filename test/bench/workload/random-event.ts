import { createHash, randomUUID } from 'node:crypto'
import { EVENT_COLUMNS, EVENTS_PER_RUN } from './operation-events.ts'

const TYPES = ['request_sent', 'response_received', 'state_change', 'retry_scheduled']
const PROVIDERS = ['prospeo', 'blitzapi', 'companyenrich', 'leadmagic']
const VALUES = EVENT_COLUMNS.split(',').map((_, index) => `$${index + 1}`)

/** A name's id, as the SQL of the fills computes it: `md5(name)::uuid`. */
export function idOf(name: string): string {
  const hex = createHash('md5').update(name).digest('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Statement that inserts one event; values are those of {@link eventValues}. */
export function insertEvent(table: string): string {
  return `insert into ${table} (${EVENT_COLUMNS}) values (${VALUES.join(', ')})`
}

/** Values of an event of a run, in the order of the columns. */
export function eventValues(runId: string, sequence: number, n: number): unknown[] {
  const isFailed = n % 10 === 0
  return [
    randomUUID(),
    runId,
    TYPES[n % TYPES.length],
    sequence,
    new Date(),
    idOf(`org ${n % 20}`),
    idOf(`company ${n % 500}`),
    n % 2 === 0 ? 'company' : 'person',
    idOf(`entity ${n % 50_000}`),
    PROVIDERS[n % PROVIDERS.length],
    isFailed ? 429 : 200,
    `s3://raw/requests/${n}`,
    `s3://raw/responses/${n}`,
    idOf(`payload ${n}`),
    isFailed ? 'rate_limited' : null,
    isFailed ? 'The provider asked us to slow down' : null,
    JSON.stringify({ attempt: 1 + (n % 3), duration_ms: n % 1700 }),
  ]
}

/** Values of event `n` of those that the fill of runs foresees. */
export function numberedEvent(n: number): unknown[] {
  return eventValues(idOf(`run ${Math.floor(n / EVENTS_PER_RUN)}`), n % EVENTS_PER_RUN, n)
}
