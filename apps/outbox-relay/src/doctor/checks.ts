import { advisoryLocks } from './advisory-locks.ts'
import { backfills } from './backfills.ts'
import { captureGaps } from './capture-gaps.ts'
import { clock } from './clock.ts'
import { deadLetters } from './dead-letters.ts'
import { definers } from './definers.ts'
import { directConnection } from './direct-connection.ts'
import { doorbell } from './doorbell.ts'
import { durability } from './durability.ts'
import { expressions } from './expressions.ts'
import { filteredRows } from './filtered-rows.ts'
import type { Check } from './finding.ts'
import { foreignCode } from './foreign-code.ts'
import { generatedSql } from './generated-sql.ts'
import { hiddenRows } from './hidden-rows.ts'
import { histories } from './histories.ts'
import { isolation } from './isolation.ts'
import { loginRole } from './login-role.ts'
import { migrations } from './migrations.ts'
import { notificationQueue } from './notification-queue.ts'
import { openWriters } from './open-writers.ts'
import { outbox } from './outbox.ts'
import { preparedTransactions } from './prepared-transactions.ts'
import { primary } from './primary.ts'
import { relaySession } from './relay-session.ts'
import { server } from './server.ts'
import { settleList } from './settle-list.ts'
import { sources } from './sources.ts'
import { standbys } from './standbys.ts'
import { temporaryFiles } from './temporary-files.ts'
import { triggers } from './triggers.ts'
import { virtualColumns } from './virtual-columns.ts'

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
]
