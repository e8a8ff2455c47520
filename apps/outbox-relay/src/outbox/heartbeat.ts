import type pg from 'pg'
import { currentOutbox, OUTBOX_TABLES } from './outbox-tables.ts'

/** How often the leader sends a row that only measures the way. */
export const HEARTBEAT_PERIOD_MS = 30_000

// Dataset 0 is the heartbeat. One row in the table that writers fill now, written and read like any
// other: it proves outbox, tick, read, POST and commit in HQ. It takes what every insert into the
// outbox takes, and waits for nobody.
const BEAT = OUTBOX_TABLES.map(
  (table) => /* sql */ `
with beat as (select pg_catalog.to_json(pg_catalog.clock_timestamp()) as source_ts)
insert into hq_export.outbox_${table} (dataset, body)
select 0, pg_catalog.json_build_object('source_ts', source_ts)::text from beat
returning body::json ->> 'source_ts' as source_ts`,
)

/** A heartbeat that was written. */
export interface Beat {
  readonly sourceTs: string
  readonly writtenAt: number
}

/**
 * Writes a heartbeat; returns its `source_ts`, the source's clock as ISO 8601 text with
 * microseconds.
 */
async function writeBeat(client: pg.ClientBase): Promise<string> {
  const table = await currentOutbox(client)
  const beat = await client.query<{ source_ts: string }>(BEAT[table] ?? '')
  const sourceTs = beat.rows[0]?.source_ts
  if (sourceTs === undefined) throw new Error('a heartbeat has a time')
  return sourceTs
}

/**
 * The leader's heartbeat: a row every period, and what came back of it. One at a time is under way,
 * so that an outage does not fill the outbox with them.
 */
export class Heartbeat {
  readonly #periodMs: number
  #dueAt: number
  #sent: Beat | undefined
  #echoed: Beat | undefined

  /** @param periodMs between two heartbeats; the first comes after one period. */
  constructor(periodMs: number) {
    this.#periodMs = periodMs
    this.#dueAt = performance.now() + periodMs
  }

  /** `source_ts` of the newest heartbeat that HQ has committed; undefined before the first. */
  get echoed(): string | undefined {
    return this.#echoed?.sourceTs
  }

  /**
   * When that one was written, as `performance.now()`: its age does not step with the source's
   * clock.
   */
  get echoedWrittenAt(): number | undefined {
    return this.#echoed?.writtenAt
  }

  /**
   * Writes a heartbeat if it is time for one. True if it did: the next window holds a row that
   * nobody changed.
   */
  async beat(client: pg.ClientBase): Promise<boolean> {
    if (this.#sent !== undefined || performance.now() < this.#dueAt) return false
    this.#sent = { writtenAt: performance.now(), sourceTs: await writeBeat(client) }
    return true
  }

  /** The one that is under way; to be read before a window is cut, see {@link echo}. */
  get sent(): Beat | undefined {
    return this.#sent
  }

  /**
   * HQ has decided everything that was in the outbox when a window was cut.
   * @param sent what was under way before that.
   */
  echo(sent: Beat | undefined): void {
    if (this.#sent === undefined || this.#sent !== sent) return
    this.#echoed = this.#sent
    this.#sent = undefined
    this.#dueAt = performance.now() + this.#periodMs
  }
}
