import type { BoundDataset } from './binding-schema.ts'
import type { SourceTable } from './source-table.ts'

/*
 * Settings of a session that change the text of a value, or what a text means as one. A capture runs in the session of whoever writes and the
 * projection views are read in ours: with the same settings on both sides, the same row is the same text. Each costs a capture about a
 * microsecond, so those that only few bindings depend on are set where they may matter.
 */

/** Set in every capture. */
export const COMMON_VALUE_SETTINGS = {
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
} as const

const RARE_VALUE_SETTINGS = {
  lc_monetary: 'C',
  lc_numeric: 'C',
  lc_time: 'C',
  xmlbinary: 'base64',
  xmloption: 'content',
  default_text_search_config: 'pg_catalog.simple',
  standard_conforming_strings: 'on',
  transform_null_equals: 'off',
  quote_all_identifiers: 'off',
} as const

/** Set in every session of ours that reads projection views. */
export const VALUE_SETTINGS: Readonly<Record<string, string>> = {
  ...COMMON_VALUE_SETTINGS,
  ...RARE_VALUE_SETTINGS,
}

const list = (settings: Readonly<Record<string, string>>): string[] =>
  Object.entries(settings).map(([name, value]) => `${name} = '${value}'`)

/** `name = 'value'` of the common ones. */
export const COMMON_VALUE_SETTINGS_SQL: readonly string[] = list(COMMON_VALUE_SETTINGS)

/** Words whose meaning depends on the rare ones; a function of the application may do anything. */
const SENSITIVE =
  /money|to_char|to_number|to_date|to_timestamp|xml|ts_?vector|ts_?query|reg(?:class|type|proc|role|oper|namespace|config|dictionary|collation)|\\|= ?null|\b(?!hq_export|pg_catalog)[\w"]+\s*\.\s*[\w"]+\s*\(/i

/** `name = 'value'` of the rare settings that the captures of a dataset need: all or none. */
export function rareValueSettings(bound: BoundDataset, source: SourceTable): readonly string[] {
  const { columns, joins, filter, settle, sequence, snapshot } = bound
  const expressions = [...Object.values(columns), joins, filter, JSON.stringify([settle, sequence])]
  const text = [...expressions, ...Object.values(snapshot ?? {}).map(String)].join(' ')
  const isSensitive =
    SENSITIVE.test(text) || source.columns.some(({ type }) => SENSITIVE.test(type))
  return isSensitive ? list(RARE_VALUE_SETTINGS) : []
}
