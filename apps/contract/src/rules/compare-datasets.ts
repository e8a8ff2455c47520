import type { LockedColumn, LockedDataset, QualityRule } from '@hq-export/contract'
import type { Finding } from './finding.ts'
import type { RuleId } from './rules.ts'

type Change = Omit<Finding, 'subject' | 'against'>

function shown(value: unknown): string | null {
  if (value === null || value === undefined) return null
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** A finding if the two differ. */
function same(rule: RuleId, member: string, before: unknown, after: unknown, column?: string) {
  const change = { rule, member, before: shown(before), after: shown(after) }
  if (change.before === change.after) return []
  return [column === undefined ? change : { ...change, column }]
}

function compareValues(column: string, before: LockedColumn, after: LockedColumn): Change[] {
  const change = (rule: RuleId): Change[] =>
    same(rule, 'values', before.values, after.values, column)
  if (after.values === null) return change('ENUM_VALUE_NO_ADD')
  if (before.values === null) return change('ENUM_VALUE_NO_DELETE')
  const [old, now] = [new Set(before.values), new Set(after.values)]
  return [
    ...(old.isSubsetOf(now) ? [] : change('ENUM_VALUE_NO_DELETE')),
    ...(now.isSubsetOf(old) ? [] : change('ENUM_VALUE_NO_ADD')),
  ]
}

function compareColumn(before: LockedColumn, after: LockedColumn): Change[] {
  const { name } = before
  const held = (rule: RuleId, member: keyof LockedColumn) =>
    same(rule, member, before[member], after[member], name)
  return [
    ...held('COLUMN_SAME_ORDINAL', 'ordinal'),
    ...held('COLUMN_SAME_PHYSICAL_TYPE', 'type'),
    // Another type has another form, and is said once.
    ...(before.type === after.type ? held('COLUMN_SAME_WIRE', 'wire') : []),
    ...held('COLUMN_NULLABILITY_SAME', 'nullable'),
    ...compareValues(name, before, after),
    ...(after.personal && !before.personal ? held('PII_ADDED', 'personal') : []),
    ...(after.deprecated === null ? [] : held('COLUMN_DEPRECATED', 'deprecated')),
    ...held('DESCRIPTION_CHANGED', 'description'),
  ]
}

function judgeNewColumn(column: LockedColumn, lastBefore: number): Change[] {
  const { name, type, ordinal, nullable, since, personal } = column
  const added = (rule: RuleId, member: string, after: unknown): Change => ({
    rule,
    column: name,
    member,
    before: null,
    after: shown(after),
  })
  return [
    ...(nullable ? [] : [added('NEW_COLUMN_MUST_BE_NULLABLE', 'nullable', `${type}, required`)]),
    ...(ordinal > lastBefore ? [] : [added('NEW_COLUMN_MUST_BE_LAST', 'ordinal', ordinal)]),
    ...(since === null ? [added('NEW_COLUMN_HAS_SINCE', 'since', null)] : []),
    ...(personal ? [added('PII_ADDED', 'personal', true)] : []),
  ]
}

function compareColumns(before: LockedDataset, after: LockedDataset): Change[] {
  const old = new Map(before.columns.map((column) => [column.name, column]))
  const now = new Map(after.columns.map((column) => [column.name, column]))
  const added = after.columns.filter(({ name }) => !old.has(name))
  const gone = before.columns.filter(({ name }) => !now.has(name))
  const renamed = new Map(
    gone.flatMap((column) => {
      const inItsPlace = added.find(({ ordinal }) => ordinal === column.ordinal)
      return inItsPlace === undefined ? [] : [[column.name, inItsPlace.name] as const]
    }),
  )
  const lastBefore = Math.max(0, ...before.columns.map(({ ordinal }) => ordinal))
  const names = new Set(renamed.values())
  return [
    ...before.columns.flatMap((column): Change[] => {
      const kept = now.get(column.name)
      if (kept !== undefined) {
        // What stood behind a column that is gone has moved up, which is said once.
        const moved = gone.some(({ ordinal }) => ordinal < column.ordinal)
        return compareColumn(column, kept).filter(
          ({ rule }) => !(moved && rule === 'COLUMN_SAME_ORDINAL'),
        )
      }
      const successor = renamed.get(column.name) ?? null
      const rule = successor === null ? 'COLUMN_NO_DELETE' : 'COLUMN_NO_RENAME'
      return [{ rule, column: column.name, member: 'name', before: column.name, after: successor }]
    }),
    ...added
      .filter(({ name }) => !names.has(name))
      .flatMap((column) => judgeNewColumn(column, lastBefore)),
  ]
}

function compareChecksums(before: LockedDataset, after: LockedDataset): Change[] {
  const now = new Map(after.checksums.map((spec) => [spec.id, JSON.stringify(spec.columns)]))
  return before.checksums
    .filter(({ id, columns }) => now.get(id) !== JSON.stringify(columns))
    .map(({ algorithm, id }) => ({
      rule: 'CHECKSUM_SPEC_APPEND_ONLY',
      member: 'checksums',
      before: `${algorithm} ${id}`,
      after: now.has(id) ? `${algorithm} ${id} of other columns` : null,
    }))
}

/** Whether columns that led to rows of another dataset do not any more. */
function leadsElsewhere(before: LockedDataset['links'], after: LockedDataset['links']): boolean {
  const now = new Set(after.map((link) => JSON.stringify(link)))
  return before.some((link) => !now.has(JSON.stringify(link)))
}

/** Whether it is promised less of a number of minutes, or of how often sides are compared. */
function isLooser(before: LockedDataset['sla'], after: LockedDataset['sla']): boolean {
  return (
    after.micro_batch_minutes[1] > before.micro_batch_minutes[1] ||
    after.reconciliation !== before.reconciliation
  )
}

/** Whether a rule of quality is gone, or tolerates more. */
function watchesLess(before: readonly QualityRule[], after: readonly QualityRule[]): boolean {
  return before.some(({ check, on, at_most_percent: bound }) => {
    const kept = after.find(
      (rule) => rule.check === check && JSON.stringify(rule.on) === JSON.stringify(on),
    )
    if (kept === undefined) return true
    return bound !== null && (kept.at_most_percent === null || kept.at_most_percent > bound)
  })
}

/** What has changed of a published dataset version, rule by rule, in the order of its columns. */
export function compareDatasets(
  subject: string,
  before: LockedDataset,
  after: LockedDataset,
): Finding[] {
  const held = (rule: RuleId, member: keyof LockedDataset) =>
    same(rule, member, before[member], after[member])
  return [
    ...held('DATASET_SAME_NUMBER', 'number'),
    ...held('PK_SAME', 'primary_key'),
    ...held('UNIQUE_SAME', 'uniqueness_guard'),
    ...(leadsElsewhere(before.links, after.links) ? held('LINK_NO_DELETE', 'links') : []),
    ...held('SEMANTICS_SAME', 'semantics'),
    ...held('VERSION_COLUMN_SAME', 'version_column'),
    ...held('VERSION_LITERAL_SAME', 'schema_version'),
    ...held('PARTITION_SAME', 'time_column'),
    ...compareColumns(before, after),
    ...compareChecksums(before, after),
    ...(isLooser(before.sla, after.sla) ? held('SLA_NO_LOOSEN', 'sla') : []),
    ...(watchesLess(before.quality, after.quality) ? held('QUALITY_NO_LOOSEN', 'quality') : []),
    ...held('DESCRIPTION_CHANGED', 'description'),
    ...held('DESCRIPTION_CHANGED', 'follows'),
  ].map((change) => ({ ...change, subject }))
}
