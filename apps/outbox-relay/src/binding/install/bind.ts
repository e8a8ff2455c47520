import type pg from 'pg'
import { connectLogin } from '../../session/connect.ts'
import { dxMigrations } from '../../session/migrations.ts'
import type { Binding } from '../binding-schema.ts'
import { type GeneratedSql, neededSql } from '../capture/generate.ts'
import { generatedSql } from '../capture/generated-sql.ts'
import { checkExpressions } from '../inspect/check-expressions.ts'
import { findForeignCode } from '../inspect/foreign-code.ts'
import { inspectFunctions } from '../inspect/inspect-functions.ts'
import { inspectSources } from '../inspect/inspect-sources.ts'
import { readDifferences } from '../inspect/known-source.ts'
import { refuseVirtualColumns } from '../inspect/refuse-virtual-columns.ts'
import { findTemporaryFileLimit } from '../inspect/temporary-files.ts'
import { BindingError, loadBinding } from '../load-binding.ts'
import { retiredDatasets } from '../retired-datasets.ts'
import { noteRecentRows } from './begin-settling.ts'
import { install } from './install.ts'
import { isInstalled, readInstalled } from './installed.ts'
import { type LockRetry, retryWithLockTimeout } from './lock-retry.ts'
import { completeHistories, readPreviousBindings } from './previous-binding.ts'

/** What `bind` found or did. */
export interface BindSummary {
  /** Name of the binding. */
  readonly binding: string
  /** Contract names of the datasets that are exported now. */
  readonly datasets: readonly string[]
  /** False when exactly this was installed already. */
  readonly changed: boolean
  /** What the server limits for writers of bound tables, and what that means for them. */
  readonly remarks: readonly string[]
}

function summary(
  binding: Binding,
  sql: GeneratedSql,
  limit: string | undefined,
  changed: boolean,
): BindSummary {
  return {
    binding: binding.name,
    datasets: sql.views.map(({ name }) => name),
    changed,
    remarks:
      limit === undefined
        ? []
        : [`${limit}; so captures fire for each row, without files, at a cost for bulk writes`],
  }
}

async function bindOn(
  client: pg.Client,
  binding: Binding,
  options: LockRetry,
): Promise<BindSummary> {
  const retired = retiredDatasets(binding.datasets.map(({ dataset }) => dataset))
  if (retired.length > 0) throw new BindingError(binding.name, retired)
  await dxMigrations.assertApplied(client)
  const { sources, problems } = await inspectSources(client, binding)
  if (problems.length > 0) throw new BindingError(binding.name, problems)
  const limit = await findTemporaryFileLimit(client)
  const sql = generatedSql(binding, sources, limit !== undefined)
  const complete = completeHistories(binding, await readPreviousBindings(client))
  const isCurrent =
    (await readDifferences(client)).length === 0 &&
    isInstalled(neededSql(sql, complete), await readInstalled(client)) &&
    (await inspectFunctions(client, sql, sources)).faults.length === 0
  // What runs somebody else's code is installed anew, and refused where that does not help.
  if (isCurrent && (await findForeignCode(client, binding)).length === 0)
    return summary(binding, sql, limit, await noteRecentRows(client, binding))
  const refused = await checkExpressions(client, binding)
  if (refused.length > 0)
    throw new BindingError(
      binding.name,
      refused.map(({ kind, text, todo }) => (kind === 'heir' ? `${text}; ${todo}` : text)),
    )
  await refuseVirtualColumns(client, binding, sources)
  await retryWithLockTimeout(options, (locking) =>
    install(client, { binding, sources, sql, ...locking }),
  )
  await noteRecentRows(client, binding)
  return summary(binding, sql, limit, true)
}

/**
 * Installs a binding on data-engine-x: projection views, capture triggers, and the record of both.
 * Idempotent: where exactly this is installed, nothing is touched. An upgrade replaces everything
 * in one transaction, never without triggers. What grows with the tables comes in a second one,
 * which locks nothing that writers need; where that was interrupted, the next call makes up for it.
 * @param databaseUrl data-engine-x, as a role that may create triggers on the bound tables.
 * @param nameOrFile a binding that ships (`reference`), or the path of a JSON file.
 * @throws {BindingError} with every problem of the binding; nothing is installed then.
 * @throws {LockRefusedError} when a table stayed busy through all attempts; nothing is installed
 * then.
 */
export async function bind(
  databaseUrl: string,
  nameOrFile: string,
  options: LockRetry = {},
): Promise<BindSummary> {
  const binding = await loadBinding(nameOrFile)
  // Expressions mean on it what they will mean inside the triggers.
  const client = await connectLogin(databaseUrl, 'hq-export bind')
  try {
    return await bindOn(client, binding, options)
  } finally {
    await client.end()
  }
}
