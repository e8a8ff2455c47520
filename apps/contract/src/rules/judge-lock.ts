import type { Lock, LockedDataset } from '@hq-export/contract'
import type { Finding } from './finding.ts'

/** Words that name a secret (contract, Security and tenancy). */
const SECRET =
  /(^|_)(api_?keys?|secrets?|passwords?|passwd|tokens?|credentials?|private_keys?|bearer|cookies?)(_|$)/

function judgeVersion(subject: string, dataset: LockedDataset): Finding[] {
  const { schema_version, columns } = dataset
  const [first] = columns
  const inName = /_(v\d+)$/.exec(subject)?.[1] ?? null
  const inRows = first?.name === 'export_schema_version' ? (first.values ?? []).join(', ') : null
  if (inName === schema_version && inRows === schema_version) return []
  const after = `${inName} in the name, ${schema_version} as version, ${inRows} in rows`
  return [{ rule: 'VERSION_LITERAL_SAME', subject, member: 'schema_version', before: null, after }]
}

function judgeTenancy(subject: string, { columns }: LockedDataset): Finding[] {
  const org = columns.find(({ name }) => name === 'org_id')
  if (org?.type === 'uuid' && !org.nullable) return []
  const after = org === undefined ? null : `${org.type}${org.nullable ? ', nullable' : ''}`
  return [{ rule: 'TENANCY_COLUMNS_PRESENT', subject, member: 'columns', before: null, after }]
}

function judgeNames(subject: string, { columns, reserved }: LockedDataset): Finding[] {
  return columns.flatMap(({ name }): Finding[] => {
    const place = { subject, column: name, member: 'name', after: name }
    const owner = reserved.find((entry) => entry.name === name)
    return [
      ...(SECRET.test(name)
        ? [{ ...place, rule: 'SECRET_NAME_FORBIDDEN' as const, before: null }]
        : []),
      ...(owner === undefined
        ? []
        : [
            {
              ...place,
              rule: 'RESERVED_NO_REUSE' as const,
              before: `${owner.name} ${owner.type} of ${owner.last_in}`,
            },
          ]),
    ]
  })
}

/** What is wrong with a lock whatever was before. */
export function judgeLock(lock: Lock): Finding[] {
  return Object.entries(lock.datasets).flatMap(([subject, dataset]) =>
    dataset.status === 'retired'
      ? []
      : [
          ...judgeVersion(subject, dataset),
          ...judgeTenancy(subject, dataset),
          ...judgeNames(subject, dataset),
        ],
  )
}
