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
    .map(({ anyOf, ceilingPercent }) => {
      const rule = anyOf.map((alternative) => names(alternative)).join(' or ')
      return `${rule} (missing in ${ceilingPercent} % of rows at most)`
    })
    .join('; ')
}

function quality({ quality: declared }: Dataset): string {
  const { openSets, spans, nonNegative, distribution, sequence } = declared
  const rules = [
    ...openSets.map((name) => `new values of \`${name}\``),
    ...spans.map(({ start, end }) => `\`${end}\` before \`${start}\``),
    ...nonNegative.map((name) => `\`${name}\` below zero`),
    ...(distribution === undefined
      ? []
      : [`distribution of \`${distribution.column}\` by ${names(distribution.by)}`]),
    ...(sequence === undefined
      ? []
      : [`gaps of \`${sequence.column}\` within \`${sequence.parent}\``]),
  ]
  return rules.join('; ') || 'none'
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
    ...(dataset.links ?? []).map(
      ({ columns, to }) => `| link | ${names(columns)}: a row of \`${to}\` |`,
    ),
    `| time column | \`${dataset.timeColumn}\` |`,
    `| cadence | every commit is pushed, inside the contract's ${min} to ${max} minutes; ` +
      `reconciliation ${dataset.cadence.reconciliation} |`,
    `| critical fields | ${critical(dataset)} |`,
    `| further quality checks | ${quality(dataset)} |`,
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
