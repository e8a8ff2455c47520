import { hash } from 'node:crypto'
import type { WireRow } from './row-schema.ts'

const UUID_DIGITS = 32
const UUID_PARTS = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/

/**
 * The `snapshot_id` of a version of an entity (contract, Keys): the first 16 bytes of the SHA-256 of
 * `<org_id>/<entity_type>/<entity_id>/<record_version>`, uuids in lower case. The source's `hq_export.snapshot_id` is the same rule.
 * @param row a valid row of `dx_entity_snapshots_v1`.
 */
export function snapshotIdOf(row: WireRow): string {
  const { org_id, entity_type, entity_id, record_version } = row
  const version = `${org_id}/${entity_type}/${entity_id}/${record_version}`.toLowerCase()
  return hash('sha256', version).slice(0, UUID_DIGITS).replace(UUID_PARTS, '$1-$2-$3-$4-$5')
}
