import { advisoryLocks } from './checks/advisory-locks.ts'
import { backfills } from './checks/backfills.ts'
import { captureGaps } from './checks/capture-gaps.ts'
import { clock } from './checks/clock.ts'
import { contract } from './checks/contract.ts'
import { deadLetters } from './checks/dead-letters.ts'
import { definers } from './checks/definers.ts'
import { directConnection } from './checks/direct-connection.ts'
import { doorbell } from './checks/doorbell.ts'
import { durability } from './checks/durability.ts'
import { expressions } from './checks/expressions.ts'
import { filteredRows } from './checks/filtered-rows.ts'
import type { Check } from './checks/finding.ts'
import { foreignCode } from './checks/foreign-code.ts'
import { generatedSql } from './checks/generated-sql.ts'
import { hiddenRows } from './checks/hidden-rows.ts'
import { histories } from './checks/histories.ts'
import { isolation } from './checks/isolation.ts'
import { loginRole } from './checks/login-role.ts'
import { migrations } from './checks/migrations.ts'
import { notificationQueue } from './checks/notification-queue.ts'
import { openWriters } from './checks/open-writers.ts'
import { outbox } from './checks/outbox.ts'
import { preparedTransactions } from './checks/prepared-transactions.ts'
import { primary } from './checks/primary.ts'
import { reconciliation } from './checks/reconciliation.ts'
import { relaySession } from './checks/relay-session.ts'
import { server } from './checks/server.ts'
import { settleList } from './checks/settle-list.ts'
import { sources } from './checks/sources.ts'
import { standbys } from './checks/standbys.ts'
import { temporaryFiles } from './checks/temporary-files.ts'
import { triggers } from './checks/triggers.ts'
import { virtualColumns } from './checks/virtual-columns.ts'

/** Every check, from the connection outwards: what fails first often explains what follows. */
export const CHECKS: readonly Check[] = [
  primary,
  server,
  directConnection,
  loginRole,
  migrations,
  relaySession,
  hiddenRows,
  advisoryLocks,
  clock(),
  isolation,
  durability,
  doorbell,
  notificationQueue,
  temporaryFiles,
  standbys,
  contract,
  sources,
  expressions,
  generatedSql,
  triggers,
  definers,
  foreignCode,
  virtualColumns,
  captureGaps,
  histories,
  backfills,
  filteredRows,
  openWriters(),
  preparedTransactions(),
  outbox(),
  settleList,
  deadLetters,
  reconciliation,
]
