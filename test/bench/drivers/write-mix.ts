import pg from 'pg'
import { idOf, insertEvent, numberedEvent } from '../workload/random-event.ts'

/** What to write: as data-engine-x does, every statement a transaction of its own. */
export interface MixTask {
  readonly url: string
  readonly clients: number
  readonly seconds: number
  /** Number of the first event, higher than all before. */
  readonly firstEvent: number
  readonly companies: number
}

/** What was committed after the warm-up, and all that was. */
export interface MixResult {
  readonly commits: number
  readonly seconds: number
  readonly nextEvent: number
}

const WARM_UP_MS = 1_000
/** Four inserts of events, then an update of a company. */
const UPDATE_EVERY = 5

const UPDATE = /* sql */ `
update entities.company_entities
set employee_count = $4, enrichment_confidence = $5, last_enriched_at = pg_catalog.now(),
    last_operation_id = 'company.enrich.hiring', record_version = record_version + 1
where org_id = $1 and entity_id = $2 and record_version = $3`

const VERSIONS = /* sql */ `
select org_id::text, entity_id::text, record_version::text as version
from entities.company_entities`

interface Company {
  readonly org_id: string
  readonly entity_id: string
  version: string
}

const task: MixTask = JSON.parse(process.argv[2] ?? '{}')
const insert = insertEvent('ops.operation_events')
let nextEvent = task.firstEvent
let commits = 0
let isWritten = false

async function writeEvent(client: pg.Client): Promise<void> {
  await client.query({ name: 'insert-event', text: insert, values: numberedEvent(nextEvent++) })
}

/** Optimistic, like the application: the version that was read is in the condition. */
async function enrich(client: pg.Client, company: Company): Promise<void> {
  const values = [
    company.org_id,
    company.entity_id,
    company.version,
    Math.floor(Math.random() * 5000),
    Math.floor(Math.random() * 100) / 100,
  ]
  const { rowCount } = await client.query({ name: 'enrich', text: UPDATE, values })
  if (rowCount !== 1) throw new Error(`company ${company.entity_id} has another version`)
  company.version = String(BigInt(company.version) + 1n)
}

/**
 * Writes until the time is over; companies are its own, so that no two writers wait for each other.
 */
async function write(client: pg.Client, companies: readonly Company[]): Promise<void> {
  for (let n = 0; !isWritten; n++) {
    const company = n % UPDATE_EVERY === 0 ? companies[n % companies.length] : undefined
    if (company === undefined) await writeEvent(client)
    else await enrich(client, company)
    commits++
  }
}

const clients = Array.from(
  { length: task.clients },
  () => new pg.Client({ connectionString: task.url, application_name: 'bench-driver' }),
)
await Promise.all(clients.map((client) => client.connect()))
const { rows } = (await clients[0]?.query<Company>(VERSIONS)) ?? { rows: [] }
const position = new Map(
  Array.from({ length: task.companies }, (_, index) => [idOf(`entity ${index + 1}`), index]),
)
const shares = clients.map((_, index) =>
  rows.filter(({ entity_id }) => (position.get(entity_id) ?? 0) % task.clients === index),
)

const writers = Promise.all(clients.map((client, index) => write(client, shares[index] ?? [])))
const timers = (async () => {
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS))
  const startedAt = performance.now()
  const before = commits
  await new Promise((resolve) => setTimeout(resolve, task.seconds * 1000))
  const measured = { commits: commits - before, seconds: (performance.now() - startedAt) / 1000 }
  isWritten = true
  return measured
})()
// A writer that fails ends the program at once.
const [measured] = await Promise.all([timers, writers])
await Promise.all(clients.map((client) => client.end()))
const result: MixResult = { ...measured, nextEvent }
process.stdout.write(`${JSON.stringify(result)}\n`)
