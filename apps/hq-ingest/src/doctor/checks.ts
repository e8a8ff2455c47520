import {
  loginRoleCheck,
  migrationsCheck,
  primaryCheck,
  serverCheck,
} from '@hq-export/runtime/doctor/common-checks.ts'
import { HQ } from '../db/connect.ts'
import { hqMigrations } from '../db/migrations.ts'
import { advisoryLocks } from './checks/advisory-locks.ts'
import { clock } from './checks/clock.ts'
import { connections } from './checks/connections.ts'
import { contractTables } from './checks/contract-tables.ts'
import { directConnection } from './checks/direct-connection.ts'
import { dismissedChecks } from './checks/dismissed-checks.ts'
import { durability } from './checks/durability.ts'
import type { Check } from './checks/finding.ts'
import { foreignCode } from './checks/foreign-code.ts'
import { heartbeats } from './checks/heartbeats.ts'
import { hiddenRows } from './checks/hidden-rows.ts'
import { keys } from './checks/keys.ts'
import { partitions } from './checks/partitions.ts'
import { quarantine } from './checks/quarantine.ts'
import { reconciliations } from './checks/reconciliations.ts'
import { room } from './checks/room.ts'
import { standbys } from './checks/standbys.ts'
import { writerSession } from './checks/writer-session.ts'

/** Every check, from the connection outwards: what fails first often explains what follows. */
export const CHECKS: readonly Check[] = [
  primaryCheck(HQ.variable),
  serverCheck(HQ.name),
  directConnection,
  loginRoleCheck(HQ.role, 'npm run ingest -- migrate'),
  migrationsCheck(hqMigrations),
  writerSession,
  hiddenRows,
  advisoryLocks,
  clock,
  durability,
  standbys,
  connections,
  room,
  contractTables,
  partitions,
  foreignCode,
  keys,
  heartbeats,
  quarantine,
  reconciliations,
  dismissedChecks,
]
