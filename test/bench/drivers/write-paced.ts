import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { eventValues, insertEvent } from '../workload/random-event.ts'

/** Events to write at a pace, each in a transaction of its own. */
export interface PacedTask {
  readonly url: string
  readonly table: string
  readonly runId: string
  readonly perSecond: number
  readonly seconds: number
}

/** What was written. */
export interface PacedResult {
  readonly commits: number
  /** Longest that a commit was behind its schedule, in ms: whether the pace was kept. */
  readonly worstDelayMs: number
}

/** More than are ever busy at once, so that a slow commit does not hold back the next. */
const CLIENTS = 16

const task: PacedTask = JSON.parse(process.argv[2] ?? '{}')
const text = insertEvent(task.table)
const pool = new pg.Pool({
  connectionString: task.url,
  application_name: 'bench-driver',
  max: CLIENTS,
  min: CLIENTS,
  idleTimeoutMillis: 0,
})

async function write(sequence: number): Promise<void> {
  const values = eventValues(task.runId, sequence, sequence)
  await pool.query({ name: 'insert-event', text, values })
}

// Connected and prepared before the clock starts; what these sessions do is no event.
const sessions = await Promise.all(Array.from({ length: CLIENTS }, () => pool.connect()))
for (const session of sessions) session.release()

const intervalMs = 1000 / task.perSecond
const commits = task.perSecond * task.seconds
const startedAt = performance.now()
const writing: Promise<void>[] = []
let worstDelayMs = 0
for (let sequence = 0; sequence < commits; sequence++) {
  // Anywhere in its slot: a regular beat could fall in step with whoever polls.
  const dueAt = startedAt + (sequence + Math.random()) * intervalMs
  const pauseMs = dueAt - performance.now()
  if (pauseMs > 1) await delay(pauseMs)
  worstDelayMs = Math.max(worstDelayMs, performance.now() - dueAt)
  writing.push(write(sequence))
}
await Promise.all(writing)
await pool.end()
const result: PacedResult = { commits, worstDelayMs }
process.stdout.write(`${JSON.stringify(result)}\n`)
