import { type Column, type Dataset, datasetByName } from '@hq-export/contract'
import { COMMON_VALUE_SETTINGS, VALUE_SETTINGS } from '../../session/value-settings.ts'
import type { BoundDataset } from '../binding-schema.ts'
import type { SourceTable } from '../source-table.ts'

/*
 * Settings of a session that change the text of a value, or what a text means as one. A capture
 * runs in the session of whoever writes and the projection views are read in ours: with the same
 * settings on both sides, the same row is the same text. Each costs every firing one to four
 * microseconds, so they are set where the columns and expressions of a dataset may depend on them,
 * and nowhere else.
 */

const list = (settings: Readonly<Record<string, string>>): string[] =>
  Object.entries(settings).map(([name, value]) => `${name} = '${value}'`)

/** Words whose meaning depends on the rare ones; a function of the application may do anything. */
const SENSITIVE =
  /money|to_char|to_number|to_date|to_timestamp|xml|ts_?vector|ts_?query|reg(?:class|type|proc|role|oper|namespace|config|dictionary|collation)|\\|= ?null|\b(?!hq_export|pg_catalog)[\w"]+\s*\.\s*[\w"]+\s*\(/i

/** Types whose text no setting changes. */
const PLAIN_TYPE =
  /^(?:pg_catalog\.)?(?:text|character varying|character|uuid|smallint|integer|bigint|numeric|boolean|jsonb?)$/
/** Types whose text a setting changes, and whose value as JSON none does. */
const TIME_TYPE = /^(?:pg_catalog\.)?(?:timestamp with(?:out)? time zone|date)$/
const LITERAL = /'(?:[^']|'')*'/g
const COLUMN = /\br\s*\.\s*(?:"([^"]+)"|(\w+))/g
/** What may stand around columns and literals: a choice among them. */
const CHOICE =
  /^(?:[\s(),=<>\d]|\b(?:coalesce|nullif|case|when|then|else|end|null|is|not|in|and|or|true|false|distinct|from)\b)*$/i

/**
 * True where an expression over `r` is a choice among columns that become `type` whatever the
 * session has set.
 */
function isPlain(expression: string, type: Column['type'], { columns }: SourceTable): boolean {
  const types = new Map(columns.map((column) => [column.name, column.type]))
  const wanted = type === 'timestamptz' ? TIME_TYPE : PLAIN_TYPE
  const named = [...expression.replace(LITERAL, '').matchAll(COLUMN)]
  if (!named.every(([, quoted, bare]) => wanted.test(types.get(quoted ?? bare ?? '') ?? '')))
    return false
  // A literal of a time is read by DateStyle.
  if (type === 'timestamptz' && expression.includes("'")) return false
  return CHOICE.test(expression.replace(LITERAL, '').replace(COLUMN, ''))
}

/**
 * True where values of a dataset may depend on the common settings. Whole rows are kept as text
 * when a capture fails.
 */
function dependsOnSession(bound: BoundDataset, source: SourceTable): boolean {
  const { dataset, columns, joins, settle, sequence, filter, terminal, snapshot } = bound
  if (joins !== undefined || settle !== undefined || sequence !== undefined) return true
  if (!source.columns.every(({ type }) => PLAIN_TYPE.test(type) || TIME_TYPE.test(type)))
    return true
  const { columns: contract, versionColumn }: Dataset = datasetByName(dataset)
  const expressions: [expression: string, type: Column['type']][] = contract
    .filter(({ name }) => name !== 'export_schema_version' && name !== versionColumn)
    .map(({ name, type }) => [columns[name] ?? `r.${name}`, type])
  if (filter !== undefined) expressions.push([filter, 'boolean'])
  if (terminal !== undefined) expressions.push([`r."${terminal.column}"`, 'boolean'])
  if (snapshot !== undefined) {
    const { payload, capturedAt, sourceRunId } = snapshot
    expressions.push([payload, 'jsonb'], [capturedAt, 'timestamptz'], [sourceRunId, 'uuid'])
  }
  return !expressions.every(([expression, type]) => isPlain(expression, type, source))
}

/** Types that become a timestamptz by the time zone of the session. */
const LOCAL_TIME_TYPE = /^(?:pg_catalog\.)?(?:timestamp without time zone|date)$/

/**
 * True where the captures of a dataset set TimeZone: a value may depend on it, or several are
 * times. Setting and restoring it costs a firing some eight microseconds; to print one time
 * without, half of that.
 */
export function setsTimeZone(bound: BoundDataset, source: SourceTable): boolean {
  const { columns }: Dataset = datasetByName(bound.dataset)
  const times = columns.filter(({ type }) => type === 'timestamptz').length
  return (
    times > 1 ||
    bound.snapshot !== undefined ||
    dependsOnSession(bound, source) ||
    source.columns.some(({ type }) => LOCAL_TIME_TYPE.test(type))
  )
}

/** `name = 'value'` of the settings that the captures of a dataset need, TimeZone apart. */
export function valueSettings(bound: BoundDataset, source: SourceTable): readonly string[] {
  if (!dependsOnSession(bound, source)) return []
  const { columns, joins, filter, settle, sequence, snapshot } = bound
  const expressions = [...Object.values(columns), joins, filter, JSON.stringify([settle, sequence])]
  const text = [...expressions, ...Object.values(snapshot ?? {}).map(String)].join(' ')
  const isSensitive =
    SENSITIVE.test(text) || source.columns.some(({ type }) => SENSITIVE.test(type))
  return list(isSensitive ? VALUE_SETTINGS : COMMON_VALUE_SETTINGS)
}
