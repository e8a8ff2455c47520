import { datasetByName } from '@hq-export/contract'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import pg from 'pg'
import { hasSqlstate, QUERY_CANCELED } from '../../session/sqlstate.ts'
import { type Binding, SNAPSHOTS_DATASET } from '../binding-schema.ts'
import type { GeneratedFunction } from '../capture/capture-function.ts'
import { type GeneratedSql, neededSql } from '../capture/generate.ts'
import { createExtensionFunctions } from '../inspect/extensions.ts'
import { findForeignCode } from '../inspect/foreign-code.ts'
import { noticeDifferences, recordSource } from '../inspect/known-source.ts'
import { BindingError } from '../load-binding.ts'
import { raiseAboveHistory } from '../projection/history-sql.ts'
import { viewName } from '../projection/view-sql.ts'
import type { SourceTable } from '../source-table.ts'
import { beginSettling, keepLateByTime } from './begin-settling.ts'
import { grantsFor } from './grants.ts'
import {
  missingTypes,
  obsoleteFunctions,
  obsoleteTriggers,
  obsoleteTypes,
  readInstalled,
} from './installed.ts'
import { LOCK_BINDING } from './lock-binding.ts'
import { lockRelations } from './lock-relations.ts'
import type { LockAttempt } from './lock-retry.ts'
import {
  completeHistories,
  findPrevious,
  type PreviousBinding,
  readPreviousBindings,
} from './previous-binding.ts'

const { escapeIdentifier } = pg

/** What to install, and how patiently. */
export interface Installation extends LockAttempt {
  readonly binding: Binding
  readonly sources: ReadonlyMap<string, SourceTable>
  readonly sql: GeneratedSql
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
    // The view reads the table as its owner, so a reader of the view needs no right on the
    // application's tables.
    await client.query(`alter view ${viewName(name)} owner to ${owner}`)
    await client.query(`grant select on ${viewName(name)} to ${readers}`)
  }
}

async function createFunctions(
  client: pg.ClientBase,
  { sources }: Installation,
  functions: readonly GeneratedFunction[],
): Promise<void> {
  for (const { name, table, sql: create } of functions) {
    await client.query(create)
    await client.query(`revoke all on function ${name}() from public`)
    await client.query(
      `alter function ${name}() owner to ${escapeIdentifier(sources.get(table)?.owner ?? '')}`,
    )
  }
}

const FORGET_FIRST_CHANGES = `delete from hq_export.captured_from where dataset = $1`

/**
 * Begins the histories of datasets that were not bound before, or without snapshots, under the
 * locks of the installation. Where no row is under contract there is nothing that could be replaced
 * unseen: such a history is complete. Asked of the view, which hides no row from whoever binds.
 * @param complete datasets whose history is complete; those of which that turns out are added.
 */
async function beginHistories(
  client: pg.ClientBase,
  { datasets }: Binding,
  before: readonly PreviousBinding[],
  complete: Set<string>,
): Promise<void> {
  for (const bound of datasets) {
    if (bound.snapshot === undefined || findPrevious(before, bound)?.hasSnapshots) continue
    await client.query(FORGET_FIRST_CHANGES, [datasetByName(bound.dataset).number])
    if (await isEmpty(client, bound.dataset)) complete.add(bound.dataset)
  }
}

/**
 * Writers wait meanwhile. What takes longer, because no row or none of the first is under contract,
 * counts as not empty.
 */
const POLL_MS = 50

async function isEmpty(client: pg.ClientBase, dataset: string): Promise<boolean> {
  await client.query('savepoint looking')
  try {
    await client.query(`set local statement_timeout = ${POLL_MS}`)
    const { rows } = await client.query<{ found: boolean }>(
      `select exists (select from ${viewName(dataset)}) as found`,
    )
    return rows[0]?.found === false
  } catch (error) {
    if (!hasSqlstate(error, QUERY_CANCELED)) throw error
    return false
  } finally {
    // The time-out with it.
    await client.query('rollback to savepoint looking')
  }
}

async function recordBinding(
  client: pg.ClientBase,
  installation: Installation,
  before: readonly PreviousBinding[],
  complete: ReadonlySet<string>,
  begun: ReadonlySet<string>,
): Promise<void> {
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
  await client.query('delete from hq_export.binding')
  for (const [dataset, table, definition] of rows) {
    const kept = findPrevious(before, { dataset, table })
    await client.query(
      `insert into hq_export.binding (number, dataset, name, source_table, fingerprint, definition,
        captured_since, history_complete_at, noting_since)
       select $1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, now), case when $8
         then coalesce($9::timestamptz, now) end,
         case when $10 then now else $11::timestamptz end
       from pg_catalog.clock_timestamp() now`,
      [
        datasetByName(dataset).number,
        dataset,
        binding.name,
        table,
        sql.fingerprint,
        JSON.stringify(definition),
        kept?.capturedSince ?? null,
        complete.has(dataset),
        kept?.historyCompleteAt ?? null,
        begun.has(dataset),
        kept?.notingSince ?? null,
      ],
    )
  }
}

/**
 * Installs in one transaction: whoever writes meanwhile is captured by the old triggers or by the
 * new ones, never by none.
 *
 * Locks: views, functions and grants first, which block nobody; then SHARE ROW EXCLUSIVE on every
 * bound table, held for the milliseconds that the triggers take.
 * @throws {BindingError} when an object of ours would run code that is neither PostgreSQL's, nor
 * ours, nor named by the binding.
 * @throws pg.DatabaseError 55P03 when a table was not to be had in time; nothing is installed then.
 */
export function install(client: pg.ClientBase, installation: Installation): Promise<void> {
  const { binding, sources } = installation
  const installAll = async (): Promise<void> => {
    await client.query(`set local lock_timeout = ${installation.lockWaitMs}`)
    await client.query(LOCK_BINDING)
    const installed = await readInstalled(client)
    const grants = await grantsFor(client, sources)
    for (const grant of grants.before) await client.query(grant)
    const owners = [...new Set([...sources.values()].map(({ owner }) => owner))]
    await createExtensionFunctions(client, binding, owners)
    if (installed.views.length > 0)
      await client.query(`drop view ${installed.views.map(viewName).join(', ')}`)
    if (installed.rowFunctions.length > 0)
      await client.query(`drop function ${installed.rowFunctions.join(', ')}`)
    await createViews(client, installation)
    const before = await readPreviousBindings(client)
    const complete = completeHistories(binding, before)
    const allowed = neededSql(installation.sql, complete)
    for (const type of missingTypes(allowed, installed)) await client.query(type.sql)
    await createFunctions(client, installation, allowed.functions)

    for (const bound of binding.datasets) {
      const raise = raiseAboveHistory(bound)
      if (raise !== undefined && findPrevious(before, bound) === undefined)
        await client.query(raise)
    }
    await keepLateByTime(client, binding, before)

    const obsolete = obsoleteTriggers(allowed, installed)
    // A row trigger of a root is created and dropped on every partition.
    const withPartitions = ({ relation }: { readonly relation: string }): string[] => {
      const tree = [...sources.values()].find(({ relations }) => relations[0]?.sql === relation)
      return tree === undefined ? [relation] : tree.relations.map(({ sql }) => sql)
    }
    await lockRelations(client, {
      share: allowed.triggers.flatMap(withPartitions),
      exclusive: obsolete.flatMap(withPartitions),
      firstWaitMs: installation.lockWaitMs,
      ...(installation.lockFirst === undefined ? {} : { first: installation.lockFirst }),
    })
    // What may have been missed until now is a gap that no earlier backfill closes.
    await noticeDifferences(client)
    await beginHistories(client, binding, before, complete)
    const sql = neededSql(installation.sql, complete)
    for (const trigger of sql.triggers) await client.query(trigger.sql)
    for (const { name, relation } of obsolete)
      await client.query(`drop trigger ${escapeIdentifier(name)} on ${relation}`)
    const { functions } = await readInstalled(client)
    for (const name of obsoleteFunctions(sql, functions))
      await client.query(`drop function ${name}()`)
    // Whoever runs a function that names one of them holds a lock on its table.
    for (const name of obsoleteTypes(sql, installed)) await client.query(`drop type ${name}`)
    for (const grant of grants.after) await client.query(grant)
    const settling = before.filter(({ settles }) => settles)
    const begun = await beginSettling(
      client,
      binding,
      settling.map(({ dataset }) => dataset),
    )
    await recordBinding(client, installation, before, complete, begun)
    const foreign = await findForeignCode(client, binding)
    if (foreign.length > 0)
      throw new BindingError(
        binding.name,
        foreign.map(({ object, fault }) => `${object} ${fault}`),
      )
    await recordSource(client)
  }
  return transact(client, installAll, { mode: 'isolation level read committed' })
}
