import type pg from 'pg'

/**
 * One look takes this long on the server, so that an abort is noticed and its result stays small.
 */
const POLL_MS = 500

/**
 * Installs `bench.arrivals`: a loop in the server that looks every 1 ms (the shortest pg_sleep) for
 * events of a run that it has not seen, with a new snapshot for each look, and returns when it saw
 * each. Without a network or an event loop between the commit and the clock. It takes no xid and
 * holds no snapshot while it sleeps.
 */
export async function installArrivals(hq: pg.ClientBase, table: string): Promise<void> {
  await hq.query('create schema if not exists bench')
  await hq.query(/* sql */ `
create or replace function bench.arrivals(p_run_id uuid, p_low int, p_ahead int[], p_ms int)
  returns table (sequence int, seen_ms float8)
  language plpgsql volatile
as $$
declare
  v_ahead int[] := p_ahead;
  v_end timestamptz := clock_timestamp() + p_ms * interval '1 ms';
begin
  while clock_timestamp() < v_end loop
    for sequence in
      select e.event_sequence from ${table} e
      where e.run_id = p_run_id and e.event_sequence > p_low and e.event_sequence <> all (v_ahead)
    loop
      seen_ms := extract(epoch from clock_timestamp()) * 1000;
      v_ahead := v_ahead || sequence;
      return next;
    end loop;
    while p_low + 1 = any (v_ahead) loop
      p_low := p_low + 1;
      v_ahead := array_remove(v_ahead, p_low);
    end loop;
    perform pg_sleep(0.0005);
  end loop;
end $$`)
}

/** Events `0..count - 1` of a run, as HQ shows them. */
export class Arrivals {
  /** When each event was first seen in HQ, in ms since 1970 by its server's clock. */
  readonly seenMs = new Map<number, number>()
  readonly #client: pg.ClientBase
  readonly #runId: string
  #low = -1

  constructor(client: pg.ClientBase, runId: string) {
    this.#client = client
    this.#runId = runId
  }

  /** Looks for a while; what arrived is in {@link seenMs} then. */
  async look(): Promise<void> {
    const ahead = [...this.seenMs.keys()].filter((sequence) => sequence > this.#low)
    const { rows } = await this.#client.query<{ sequence: number; seen_ms: number }>({
      name: 'arrivals',
      text: 'select sequence, seen_ms from bench.arrivals($1, $2, $3, $4)',
      values: [this.#runId, this.#low, ahead, POLL_MS],
    })
    for (const { sequence, seen_ms } of rows) this.seenMs.set(sequence, seen_ms)
    while (this.seenMs.has(this.#low + 1)) this.#low++
  }
}
