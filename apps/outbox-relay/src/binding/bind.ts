import pg from 'pg'
import { dxMigrations } from '../migrations.ts'
import { BindingError } from './binding-error.ts'
import type { Binding } from './binding-schema.ts'
import { completeHistories, readBoundBefore } from './bound-before.ts'
import { checkExpressions } from './check-expressions.ts'
import { type GeneratedSql, generate, neededSql } from './generate.ts'
import { inspectSources } from './inspect-sources.ts'
import { install } from './install.ts'
import { isInstalled, readInstalled } from './installed.ts'
import { readDifferences } from './known-source.ts'
import { loadBinding } from './load-binding.ts'
import { type Patience, patiently } from './patience.ts'
import { refuseVirtualColumns } from './refuse-virtual-columns.ts'

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

async function bindOn(
  client: pg.Client,
  binding: Binding,
  options: Patience,
): Promise<BindSummary> {
  // Expressions mean here what they will mean inside the triggers.
  await client.query('set search_path = pg_catalog, pg_temp')
  await dxMigrations.assertApplied(client)
  const { sources, problems } = await inspectSources(client, binding)
  if (problems.length > 0) throw new BindingError(binding.name, problems)
  const sql = generate(binding, sources)
  const complete = completeHistories(binding, await readBoundBefore(client))
  const isUntouched = (await readDifferences(client)).length === 0
  if (isUntouched && isInstalled(neededSql(sql, complete), await readInstalled(client)))
    return summary(binding, sql, false)
  const refused = await checkExpressions(client, binding)
  if (refused.length > 0) throw new BindingError(binding.name, refused)
  await refuseVirtualColumns(client, binding, sources)
  await patiently(options, (locking) => install(client, { binding, sources, sql, ...locking }))
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
  options: Patience = {},
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
