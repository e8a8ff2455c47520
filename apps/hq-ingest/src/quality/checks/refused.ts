import type { RowCode } from '@hq-export/contract'
import { failed, passed, undecided } from '../verdict.ts'
import type { WindowCheck } from './check.ts'
import { causesOf, sumOf } from './counts.ts'

/** The source raises the version of such a row and sends it again, by itself. */
const MENDED_BY_THE_SOURCE: RowCode = 'version_conflict'

const NAME = 'refused'

/** Rows that break the contract, such as a status outside its closed set. */
export const refused: WindowCheck = {
  name: NAME,
  judge({ tested: { rows, refused: codes } }) {
    const metric = 'rows that break the contract'
    if (rows === 0) return undecided({ check: NAME, metric, rows }, 'rows')
    const counts = { ...codes, [MENDED_BY_THE_SOURCE]: 0 }
    const value = sumOf(counts)
    const worst = causesOf('code', counts, rows)
    const measured = {
      check: NAME,
      metric,
      rows,
      value,
      threshold: 1,
      fraction: value / rows,
      worst,
    }
    return value === 0 ? passed(measured) : failed(measured, 'none', 'page')
  },
}
