import type { EntityRow } from './entity-kind.ts'
import type { EventRow, RunRow } from './operation-sql.ts'

/** What may go wrong in the application, by the name that switches it on. */
export const FAULTS = {
  'failing-provider': 'every run of one provider fails',
  'null-domains': 'companies are written without a domain',
  'new-event-type': 'some events are of a type that was never there',
  'stopped-operation': 'one operation is not run any more',
  'leaked-token':
    'now and then a credential stands in an error message, so that HQ refuses the row',
} as const
export type Fault = keyof typeof FAULTS

/** Faults that are on; whoever holds the set may switch them at any time. */
export type Faults = ReadonlySet<Fault>

/** Its runs fail. */
export const FAILING_PROVIDER = 'apollo'
/** It stops, and what takes its place. */
export const STOPPED_OPERATION = 'company.research.icp'
const INSTEAD = 'company.derive.size'
/** Never seen before. */
export const NEW_EVENT_TYPE = 'throttled'
const NEW_TYPE_EACH = 10

/** Runs as they begin under these faults. */
export function faultyRuns(faults: Faults, rows: readonly RunRow[]): readonly RunRow[] {
  if (!faults.has('stopped-operation')) return rows
  return rows.map((row) =>
    row.operation_id === STOPPED_OPERATION ? { ...row, operation_id: INSTEAD } : row,
  )
}

/** Events as they are written under these faults. */
export function faultyEvents(faults: Faults, rows: readonly EventRow[]): readonly EventRow[] {
  if (!faults.has('new-event-type')) return rows
  return rows.map((row) =>
    Number(row.event_sequence) % NEW_TYPE_EACH === 2 ? { ...row, event_type: NEW_EVENT_TYPE } : row,
  )
}

/** Entities as they are written under these faults. */
export function faultyEntities(faults: Faults, rows: readonly EntityRow[]): readonly EntityRow[] {
  if (!faults.has('null-domains')) return rows
  return rows.map((row) => ('canonical_domain' in row ? { ...row, canonical_domain: null } : row))
}
