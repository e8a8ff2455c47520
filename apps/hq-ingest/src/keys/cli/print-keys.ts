import { table } from '@hq-export/runtime/table.ts'
import type { ListedKey } from '../list-keys.ts'

const COLUMNS: Readonly<Record<string, (key: ListedKey) => string | null>> = {
  id: ({ id }) => id,
  source: ({ source }) => source,
  state: ({ state }) => state,
  kind: ({ kind }) => kind,
  'last used': ({ lastUsedAt }) => lastUsedAt?.replace(/\.\d+/, '') ?? 'never',
  from: ({ notBefore }) => notBefore,
  until: ({ notAfter, revokedAt }) => revokedAt ?? notAfter,
  orgs: ({ orgs, state }) => (state === 'environment' ? null : (orgs?.join(',') ?? 'every')),
  datasets: ({ datasets, state }) =>
    state === 'environment' ? null : (datasets?.join(',') ?? 'every'),
  'per minute': ({ requestsPerMinute, bytesPerMinute }) =>
    [
      requestsPerMinute !== null && `${requestsPerMinute} requests`,
      bytesPerMinute !== null && `${bytesPerMinute} bytes`,
    ]
      .filter(Boolean)
      .join(', ') || null,
  label: ({ label }) => label,
}

/** Keys for people, as a table. */
export function printKeys(keys: readonly ListedKey[]): string {
  if (keys.length === 0) return 'no keys'
  return table([
    Object.keys(COLUMNS),
    ...keys.map((key) => Object.values(COLUMNS).map((cell) => cell(key) ?? '-')),
  ])
}
