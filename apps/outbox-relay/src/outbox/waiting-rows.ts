import type pg from 'pg'
import { CURRENT_XMAX, DAY, LIFE, selectUnseen } from './outbox-tables.ts'
import { EMPTY_SNAPSHOT, type Snapshot } from './tick.ts'

/** SQL: what {@link WaitingRows.look} returned, from a parameter, as rows. */
export const waitingGroups = (groups: string): string => /* sql */ `
pg_catalog.jsonb_to_recordset(${groups}::jsonb) g (
  day date, dataset smallint, rows bigint, oldest timestamptz)`

/**
 * SQL: `seen`, `groups` and `has_foreign` of rows of the relation `parts`, which has `day`,
 * `dataset`, `rows`, `oldest` and `has_foreign`, and of what was known before.
 */
export const selectWaiting = (known: string): string => /* sql */ `
select pg_catalog.pg_current_snapshot()::text as seen,
  coalesce((
    select pg_catalog.json_agg(w)::text
    from (
      select day, dataset, pg_catalog.sum(rows)::bigint as rows, pg_catalog.min(oldest) as oldest
      from (
        select day, dataset, rows, oldest from parts where rows > 0
        union all
        select g.* from ${waitingGroups(known)}
      ) p
      group by day, dataset
    ) w
  ), '[]') as groups,
  coalesce((select pg_catalog.bool_or(has_foreign) from parts), false) as has_foreign`

// The snapshot is the statement's own, or that of its transaction.
const LOOK = /* sql */ `
with rows_of as (
  ${selectUnseen('$1', 'xid, dataset, captured_at')}
), parts as (
  select ${DAY} as day, dataset, count(*) as rows, pg_catalog.min(captured_at) as oldest,
    pg_catalog.bool_or(xid >= ${CURRENT_XMAX}) as has_foreign
  from rows_of
  group by 1, 2
)
${selectWaiting('$2')}`

const BASE = /* sql */ `
select (${LIFE}) as life,
  (select a.acked::text from hq_export.ack a order by a.id desc limit 1) as acked`

/** Where a look begins: which rows are known to wait, and which snapshot shows nothing more. */
export interface WaitingBase {
  /** The life of the server; null before its first relay. */
  readonly life: string | null
  /** What the last ack covers. */
  readonly acked: Snapshot
  readonly seen: Snapshot
  /** What waits of that, for {@link waitingGroups}. */
  readonly groups: string
}

/** What a look has found. */
export interface FoundWaiting {
  readonly seen: Snapshot
  readonly groups: string
  /** Rows of another server are among them, whose ids no snapshot of this one shows. */
  readonly has_foreign: boolean
}

/**
 * Rows of the outbox that no ack covers, by the UTC day of their capture and by dataset, heartbeats
 * (dataset 0) among them. As long as the last ack is the same, a row that waited still waits: so a
 * look reads only what came since the look before, of whichever session, however much has piled up.
 * What somebody deletes meanwhile is missed with the next ack.
 *
 * Reads, and waits for nobody but who truncates a table, which is a moment.
 */
export class WaitingRows {
  #known: WaitingBase | undefined

  /** Where a look on this session begins. */
  async base(client: pg.ClientBase): Promise<WaitingBase> {
    const { rows } = await client.query<{ life: string | null; acked: Snapshot | null }>(BASE)
    const { life = null, acked } = rows[0] ?? {}
    const known = this.#known
    if (known !== undefined && known.life === life && known.acked === acked) return known
    return { life, acked: acked ?? EMPTY_SNAPSHOT, seen: acked ?? EMPTY_SNAPSHOT, groups: '[]' }
  }

  /** Keeps what a look has found that began at `base`. */
  keep({ life, acked }: WaitingBase, { seen, groups, has_foreign }: FoundWaiting): void {
    const isLasting = life !== null && !has_foreign
    this.#known = isLasting ? { life, acked, seen, groups } : undefined
  }

  /**
   * Looks for what waits.
   * @returns a JSON array of `day`, `dataset`, `rows` and `oldest`, for {@link waitingGroups}.
   */
  async look(client: pg.ClientBase): Promise<string> {
    const base = await this.base(client)
    const { rows } = await client.query<FoundWaiting>(LOOK, [base.seen, base.groups])
    const [found] = rows
    if (found === undefined) throw new Error('a look has a snapshot')
    this.keep(base, found)
    return found.groups
  }
}
