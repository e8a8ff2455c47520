import { hash } from 'node:crypto'
import type { WireRow } from './row-schema.ts'

/**
 * The `snapshot_id` of a version of an entity (contract, Keys): the first 16 bytes of the SHA-256
 * of `<org_id>/<entity_type>/<entity_id>/<record_version>`, uuids in lower case. The source's
 * `hq_export.snapshot_id` is the same rule.
 * @param row a valid row of `dx_entity_snapshots_v1`.
 */
export function snapshotIdOf(row: WireRow): string {
  const { org_id, entity_type, entity_id, record_version } = row
  const version = `${org_id}/${entity_type}/${entity_id}/${record_version}`.toLowerCase()
  const hex = hash('sha256', version)
  const start = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}`
  return `${start}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}
