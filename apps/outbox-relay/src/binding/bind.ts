import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { assertMigrated } from '../migrate.ts'
import { BindingError } from './binding-error.ts'
import type { Binding } from './binding-schema.ts'
import { checkExpressions } from './check-expressions.ts'
import { type GeneratedSql, generate } from './generate.ts'
import { inspectSources } from './inspect-sources.ts'
import { type Installation, install } from './install.ts'
import { isInstalled, readInstalled } from './installed.ts'
import { loadBinding } from './load-binding.ts'
import { LockRefusedError } from './lock-relations.ts'
import { refuseVirtualColumns } from './refuse-virtual-columns.ts'

const LOCK_WAIT_MS = 2000
const ATTEMPTS = 30
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

/** How patiently to bind a busy database. */
export interface BindOptions {
  /** How long writers of a table may queue behind us per attempt; default 2000. */
  readonly lockWaitMs?: number
  /** Attempts before giving up; default 30, a few minutes in all. */
  readonly attempts?: number
  /** Waits between attempts; tests pass their own. */
  readonly sleep?: (ms: number) => Promise<unknown>
}

/** What `bind` found or did. */
export interface BindSummary {
  /** Name of the binding. */
  readonly binding: string
  /** Contract names of the datasets that are exported now. */
  readonly datasets: readonly string[]
  /** False when exactly this was installed already. */
  readonly changed: boolean
}

function summary(binding: Binding, sql: GeneratedSql, changed: boolean): BindSummary {
  return { binding: binding.name, datasets: sql.views.map(({ name }) => name), changed }
}

/** Full jitter: writers that were held up are not held up again in the same beat. */
function pauseMs(attempt: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)
  return FIRST_PAUSE_MS + Math.random() * longest
}

/** Somebody else works on a bound table, or reads a view of ours: 55P03 lock not available, 40P01 deadlock. */
function isBusy(error: unknown): boolean {
  if (error instanceof LockRefusedError) return true
  return error instanceof pg.DatabaseError && (error.code === '55P03' || error.code === '40P01')
}

async function installPatiently(
  client: pg.ClientBase,
  installation: Omit<Installation, 'lockWaitMs'>,
  options: BindOptions,
): Promise<void> {
  const { lockWaitMs = LOCK_WAIT_MS, attempts = ATTEMPTS, sleep = delay } = options
  let lockFirst: string | undefined
  for (let attempt = 1; ; attempt++) {
    try {
      await install(client, {
        ...installation,
        lockWaitMs,
        ...(lockFirst === undefined ? {} : { lockFirst }),
      })
      return
    } catch (error) {
      if (!isBusy(error) || attempt >= attempts) throw error
      if (error instanceof LockRefusedError) lockFirst = error.relation
    }
    await sleep(pauseMs(attempt))
  }
}

async function bindOn(
  client: pg.Client,
  binding: Binding,
  options: BindOptions,
): Promise<BindSummary> {
  // Expressions mean here what they will mean inside the triggers.
  await client.query('set search_path = pg_catalog, pg_temp')
  await assertMigrated(client)
  const { sources, problems } = await inspectSources(client, binding)
  if (problems.length > 0) throw new BindingError(binding.name, problems)
  const sql = generate(binding, sources)
  if (isInstalled(sql, await readInstalled(client))) return summary(binding, sql, false)
  const refused = await checkExpressions(client, binding)
  if (refused.length > 0) throw new BindingError(binding.name, refused)
  await refuseVirtualColumns(client, binding, sources)
  await installPatiently(client, { binding, sources, sql }, options)
  return summary(binding, sql, true)
}

/**
 * Installs a binding on data-engine-x: projection views, capture triggers, and the record of both. Idempotent: where exactly
 * this is installed, nothing is touched. An upgrade replaces everything in one transaction, never without triggers.
 * @param databaseUrl data-engine-x, as a role that may create triggers on the bound tables.
 * @param nameOrFile a binding that ships (`reference`), or the path of a JSON file.
 * @throws {BindingError} with every problem of the binding; nothing is installed then.
 * @throws {LockRefusedError} when a table stayed busy through all attempts; nothing is installed then.
 */
export async function bind(
  databaseUrl: string,
  nameOrFile: string,
  options: BindOptions = {},
): Promise<BindSummary> {
  const binding = await loadBinding(nameOrFile)
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'hq-export bind',
  })
  await client.connect()
  try {
    return await bindOn(client, binding, options)
  } finally {
    await client.end()
  }
}
