import { READING_SETTINGS } from '@hq-export/runtime/postgres/session.ts'

/** What every session of ours has anyway. */
export function pick(
  ...names: (keyof typeof READING_SETTINGS)[]
): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, READING_SETTINGS[name]]))
}

/**
 * What tables with anything but plain columns, or expressions with anything but choices among them,
 * depend on.
 */
export const COMMON_VALUE_SETTINGS = pick(
  'datestyle',
  'intervalstyle',
  'bytea_output',
  'extra_float_digits',
)

const RARE_VALUE_SETTINGS = {
  lc_monetary: 'C',
  lc_numeric: 'C',
  lc_time: 'C',
  xmlbinary: 'base64',
  xmloption: 'content',
  default_text_search_config: 'pg_catalog.simple',
  ...pick('standard_conforming_strings', 'transform_null_equals', 'quote_all_identifiers'),
}

/** Set in every session of ours that reads projection views. */
export const VALUE_SETTINGS: Readonly<Record<string, string>> = {
  ...COMMON_VALUE_SETTINGS,
  ...RARE_VALUE_SETTINGS,
}
