import {
  CANARIES_SQL,
  CHECKSUM_ALGORITHMS,
  type ChecksumSpec,
  checksumSpecs,
  type Dataset,
  type DigestAnswer,
} from '@hq-export/contract'
import type pg from 'pg'
import { viewName } from '../../binding/projection/view-sql.ts'
import { UndecidedError } from '../compare/undecided-error.ts'

// A binding that was installed by an older build has views without a column that was added since.
const COLUMNS = /* sql */ `
select a.attname::text as name
from pg_catalog.pg_attribute a
where a.attrelid = pg_catalog.to_regclass($1) and a.attnum > 0 and not a.attisdropped`

/**
 * The newest checksum that both sides can compute alike.
 * @param answer what HQ says of itself, having been asked for no comparison.
 * @throws {UndecidedError} where there is none.
 */
export async function agreeOnSpec(
  client: pg.ClientBase,
  dataset: Dataset,
  answer: DigestAnswer,
): Promise<ChecksumSpec> {
  if (answer.wrong_types.length > 0)
    throw new UndecidedError(`columns of HQ are of another type: ${answer.wrong_types.join(', ')}`)
  const [ours] = (await client.query<Record<string, string>>(CANARIES_SQL)).rows
  const { rows } = await client.query<{ name: string }>(COLUMNS, [viewName(dataset.name)])
  const shown = new Set(rows.map(({ name }) => name))
  const known = new Set(answer.specs.map(({ id }) => id))
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    if (ours?.[algorithm] !== answer.canaries[algorithm]) continue
    const spec = checksumSpecs(dataset, algorithm).findLast(
      ({ id, columns }) => known.has(id) && columns.every(({ name }) => shown.has(name)),
    )
    if (spec !== undefined) return spec
  }
  throw new UndecidedError('both sides know no checksum that they compute alike')
}
