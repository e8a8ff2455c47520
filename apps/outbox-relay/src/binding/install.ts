import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { beginSettling } from './begin-settling.ts'
import { type Binding, SNAPSHOTS_DATASET } from './binding-schema.ts'
import { createExtensionFunctions } from './extensions.ts'
import type { GeneratedSql } from './generate.ts'
import { grantsFor } from './grants.ts'
import { raiseAboveHistory } from './history-sql.ts'
import { obsoleteFunctions, obsoleteTriggers, readInstalled } from './installed.ts'
import { lockRelations } from './lock-relations.ts'
import type { SourceTable } from './source-table.ts'
import { viewName } from './view-sql.ts'

const { escapeIdentifier } = pg

/** What to install, and how patiently. */
export interface Installation {
  readonly binding: Binding
  readonly sources: ReadonlyMap<string, SourceTable>
  readonly sql: GeneratedSql
  /** How long the first lock may be waited for; all writers of that table queue behind us meanwhile. */
  readonly lockWaitMs: number
  /** Relation to lock first: the one that refused last time. */
  readonly lockFirst?: string
}

async function createViews(client: pg.ClientBase, { sql, sources }: Installation): Promise<void> {
  const owners = [...sources.values()].map(({ owner }) => escapeIdentifier(owner))
  const readers = ['hq_export_relay', ...owners].join(', ')
  for (const { name, table, rowFunction, sql: create } of sql.views) {
    const owner = escapeIdentifier(sources.get(table)?.owner ?? '')
    if (rowFunction !== undefined) {
      const { signature } = rowFunction
      await client.query(rowFunction.sql)
      await client.query(`revoke all on function ${signature} from public`)
      await client.query(`alter function ${signature} owner to ${owner}`)
      // Inlined, it runs as whoever reads the view.
      await client.query(`grant execute on function ${signature} to ${readers}`)
    }
    await client.query(create)
    // The view reads the table as its owner, so a reader of the view needs no right on the application's tables.
    await client.query(`alter view ${viewName(name)} owner to ${owner}`)
    await client.query(`grant select on ${viewName(name)} to ${readers}`)
  }
}

async function createFunctions(
  client: pg.ClientBase,
  { sql, sources }: Installation,
): Promise<void> {
  for (const { name, table, sql: create } of sql.functions) {
    await client.query(create)
    await client.query(`revoke all on function ${name}() from public`)
    await client.query(
      `alter function ${name}() owner to ${escapeIdentifier(sources.get(table)?.owner ?? '')}`,
    )
  }
}

const BOUND_BEFORE = `
select dataset, pg_catalog.jsonb_exists(definition, 'settle') as settles from hq_export.binding`

async function recordBinding(client: pg.ClientBase, installation: Installation): Promise<void> {
  const { binding, sql } = installation
  const snapshotSources = binding.datasets.filter(({ snapshot }) => snapshot !== undefined)
  const rows: [dataset: string, table: string, definition: unknown][] = [
    ...binding.datasets.map((bound): [string, string, unknown] => [
      bound.dataset,
      bound.table,
      bound,
    ]),
  ]
  if (snapshotSources.length > 0) {
    rows.push([
      SNAPSHOTS_DATASET,
      snapshotSources.map(({ table }) => table).join(', '),
      { derivedFrom: snapshotSources.map(({ dataset }) => dataset) },
    ])
  }
  const { rows: before } = await client.query<{ dataset: string; since: string }>(
    `delete from hq_export.binding returning dataset, captured_since::text as since`,
  )
  for (const [dataset, table, definition] of rows) {
    await client.query(
      `insert into hq_export.binding (number, dataset, name, source_table, fingerprint, definition, captured_since)
       values ($1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, pg_catalog.clock_timestamp()))`,
      [
        datasetByName(dataset).number,
        dataset,
        binding.name,
        table,
        sql.fingerprint,
        JSON.stringify(definition),
        before.find((row) => row.dataset === dataset)?.since ?? null,
      ],
    )
  }
}

/**
 * Installs in one transaction: whoever writes meanwhile is captured by the old triggers or by the new ones, never by none.
 *
 * Locks: views, functions and grants first, which block nobody; then SHARE ROW EXCLUSIVE on every bound
 * table, held for the milliseconds that the triggers take.
 * @throws pg.DatabaseError 55P03 when a table was not to be had in time; nothing is installed then.
 */
export async function install(client: pg.ClientBase, installation: Installation): Promise<void> {
  const { sql, sources } = installation
  await client.query('begin isolation level read committed')
  try {
    await client.query(
      `select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('hq_export.bind'))`,
    )
    await client.query(`set local lock_timeout = ${installation.lockWaitMs}`)
    const installed = await readInstalled(client)
    const grants = await grantsFor(client, sources)
    for (const grant of grants.before) await client.query(grant)
    const owners = [...new Set([...sources.values()].map(({ owner }) => owner))]
    await createExtensionFunctions(client, installation.binding, owners)
    if (installed.views.length > 0)
      await client.query(`drop view ${installed.views.map(viewName).join(', ')}`)
    if (installed.rowFunctions.length > 0)
      await client.query(`drop function ${installed.rowFunctions.join(', ')}`)
    await createViews(client, installation)
    await createFunctions(client, installation)

    const { rows: previous } = await client.query<{ dataset: string; settles: boolean }>(
      BOUND_BEFORE,
    )
    for (const bound of installation.binding.datasets) {
      const raise = raiseAboveHistory(bound)
      if (raise !== undefined && !previous.some(({ dataset }) => dataset === bound.dataset))
        await client.query(raise)
    }

    const obsolete = obsoleteTriggers(sql, installed)
    await lockRelations(client, {
      share: sql.triggers.map(({ relation }) => relation),
      exclusive: obsolete.map(({ relation }) => relation),
      firstWaitMs: installation.lockWaitMs,
      ...(installation.lockFirst === undefined ? {} : { first: installation.lockFirst }),
    })
    for (const trigger of sql.triggers) await client.query(trigger.sql)
    for (const { name, relation } of obsolete)
      await client.query(`drop trigger ${escapeIdentifier(name)} on ${relation}`)
    for (const name of obsoleteFunctions(sql, installed))
      await client.query(`drop function ${name}()`)
    for (const grant of grants.after) await client.query(grant)
    const settling = previous.filter(({ settles }) => settles)
    await beginSettling(
      client,
      installation.binding,
      settling.map(({ dataset }) => dataset),
    )
    await recordBinding(client, installation)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}
