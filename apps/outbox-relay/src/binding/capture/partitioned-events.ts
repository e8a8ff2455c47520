import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import type { CapturedDataset } from '../changes/captured-body.ts'
import { indent } from '../projection/layout.ts'
import { projectionOf, terminalSql } from '../projection/projection.ts'
import { captureFunction, type GeneratedFunction } from './capture-function.ts'
import { captureDeleted, captureRows, RING } from './capture-statement.ts'
import { captureWritten, remember } from './reread-rows.ts'
import { noteDeleted } from './switched-off.ts'

/*
 * A row that an update moves to another partition fires no row trigger for UPDATE (it is a DELETE
 * and an INSERT to PostgreSQL), so what row triggers do elsewhere is done here by the statement's,
 * which see old and new rows. That takes a join, and a join is planned once, for the few rows of
 * its first firing: nested loops would make a later bulk update quadratic (measured: 3,000 rows 681
 * ms, by hash 3 ms), so they are off.
 */
const JOIN_SETTINGS = ['enable_nestloop = off']

/**
 * Contract key, version and image of rows that a join compares. By the contract's key: the source's
 * may hold the partition key.
 */
function comparable(bound: BoundDataset, table: 'n' | 'o'): string {
  const { key } = projectionOf(bound, 'null')
  const version = `r.${pg.escapeIdentifier(bound.version ?? '')}`
  return `(
  select ${key} as key, ${version} as version, r as image from ${table} r
)`
}

/** Raises the base of every key whose row changed while its record_version did not rise. */
function bump(bound: BoundDataset): string {
  const { number } = datasetByName(bound.dataset)
  const missing = 'least(y.version::numeric - x.version + 1, 9223372036854775807)'
  return `insert into hq_export.version_base as b (dataset, key, base)
select ${number}, x.key, max(${missing})::bigint
from ${comparable(bound, 'n')} x
join ${comparable(bound, 'o')} y on y.key = x.key
where x.version <= y.version and y.image operator(pg_catalog.*<>) x.image
group by x.key
on conflict (dataset, key) do update set
  base = hq_export.exported_version(b.base, excluded.base);`
}

/** Updated rows of a partitioned table: keys that are gone, then what is there. */
export function onPartitionedUpdate(bound: CapturedDataset): GeneratedFunction {
  const { key } = projectionOf(bound, 'null')
  const filter = bound.filter === undefined ? '' : ` where ${bound.filter}`
  const isGone = `${key} not in (select ${key} from n r${filter})`
  const { conditions, unusual, usual } = captureWritten(bound, 'update', RING, '')
  return captureFunction({
    bound,
    event: 'update',
    rows: { kind: 'transition', table: 'n' },
    settings: JOIN_SETTINGS,
    whileOff: `${bump(bound)}\n${noteDeleted(bound, 'o r', isGone)};\n`,
    capture: `${bump(bound)}
if found then
${indent(remember('bumped'))}end if;
${captureDeleted(bound, 'o r', isGone)}
if ${conditions.join('\n  or ')}
then
${indent(unusual)}
end if;
${usual}`,
  })
}

/** Rows of a partitioned table that have ended now and had not before. */
export function onPartitionedEnd(bound: CapturedDataset): GeneratedFunction {
  const { key } = projectionOf(bound, 'null')
  const hasEnded = terminalSql(bound, 'r')
  const hadNotEnded = `${key} in (select ${key} from o r where (${hasEnded}) is not true)`
  return captureFunction({
    bound,
    event: 'update',
    rows: { kind: 'transition', table: 'n' },
    settings: JOIN_SETTINGS,
    capture: `${captureRows(bound, 'n r', { where: hadNotEnded })}\n${RING}`,
  })
}
