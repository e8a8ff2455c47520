import { migrationsCheck } from '@hq-export/runtime/doctor/common-checks.ts'
import { dxMigrations } from '../../session/migrations.ts'
import type { Check } from './finding.ts'

/** The schema is the one that this build was written for. */
export const migrations: Check = migrationsCheck(dxMigrations)
