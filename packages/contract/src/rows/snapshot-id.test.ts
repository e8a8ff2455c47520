import { expect, it } from 'vitest'
import { snapshotIdOf } from './snapshot-id.ts'

it('is the start of the SHA-256 of tenant, kind, entity and version, however its uuids are written', () => {
  const row = {
    org_id: '7C9E6679-7425-40DE-944B-E07FC1F90AE7',
    entity_type: 'company',
    entity_id: '0f8fad5b-d9cb-469f-a165-70867728950e',
    record_version: '9223372036854775807',
  }
  // printf %s
  // 7c9e6679-7425-40de-944b-e07fc1f90ae7/company/0f8fad5b-d9cb-469f-a165-70867728950e/9223372036854775807
  // | sha256sum
  expect(snapshotIdOf(row)).toBe('3abcb53c-ad72-e6d2-29e4-15b0a1bc7e9a')
})
