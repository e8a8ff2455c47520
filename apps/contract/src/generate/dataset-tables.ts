import type { Column, Dataset } from '@hq-export/contract'

function typeOf(column: Column): string {
  const values = column.values?.map((value) => `\`${value}\``).join(', ')
  return values === undefined ? `\`${column.type}\`` : `\`${column.type}\`: ${values}`
}

function columnRow(column: Column): string {
  const nullability = column.nullable ? 'nullable' : 'required'
  const additive = column.additive ? ' (additive)' : ''
  return (
    `| \`${column.name}\` | ${typeOf(column)} | ${nullability}${additive} | ` +
    `${column.description} |`
  )
}

function names(columns: readonly string[]): string {
  return columns.map((name) => `\`${name}\``).join(', ')
}

function critical(dataset: Dataset): string {
  if (dataset.criticalFields.length === 0) return 'none'
  return dataset.criticalFields
    .map(({ anyOf }) => anyOf.map((alternative) => names(alternative)).join(' or '))
    .join('; ')
}

function writeRule(dataset: Dataset): string {
  return dataset.versionColumn === undefined
    ? 'append-only: a key is written once'
    : `upsert: applied only if the incoming \`${dataset.versionColumn}\` is greater ` +
        'than the stored one'
}

function facts(dataset: Dataset): string[] {
  const [min, max] = dataset.cadence.microBatchMinutes
  return [
    `| write | ${writeRule(dataset)} |`,
    `| primary key | ${names(dataset.primaryKey)} |`,
    `| uniqueness guard | ${dataset.uniquenessGuard ? names(dataset.uniquenessGuard) : 'none'} |`,
    `| time column | \`${dataset.timeColumn}\` |`,
    `| cadence | every commit is pushed, inside the contract's ${min} to ${max} minutes; ` +
      `reconciliation ${dataset.cadence.reconciliation} |`,
    `| critical fields | ${critical(dataset)} |`,
    `| stable key columns | ${names(dataset.stableKeyColumns)} |`,
  ]
}

function renderDataset(dataset: Dataset): string {
  return [
    `### \`${dataset.name}\``,
    '',
    dataset.description,
    '',
    '| | |',
    '|---|---|',
    ...facts(dataset),
    '',
    '| column | type | | meaning |',
    '|---|---|---|---|',
    ...dataset.columns.map(columnRow),
  ].join('\n')
}

/** The tables of `docs/EXPORT_CONTRACT_V1.md`, in Markdown, from the descriptors. */
export function renderDatasetTables(datasets: readonly Dataset[]): string {
  return datasets.map(renderDataset).join('\n\n')
}
