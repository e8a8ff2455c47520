import { establishEpoch } from '@hq-export/outbox-relay/incarnation/epoch.ts'
import { readGlance } from '@hq-export/outbox-relay/observe/glance.ts'
import { readAck, writeAck } from '@hq-export/outbox-relay/outbox/ack.ts'
import { takeTick } from '@hq-export/outbox-relay/outbox/tick.ts'
import { WaitingRows } from '@hq-export/outbox-relay/outbox/waiting-rows.ts'
import {
  lookIntoOutbox,
  NOTHING_SEEN,
  type Seen,
} from '@hq-export/outbox-relay/reconcile/follow/look.ts'
import { waitForFence, yieldToRelay } from '@hq-export/outbox-relay/reconcile/source/fence.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { LOOKING_SESSION } from '@hq-export/outbox-relay/session/looking-session.ts'
import type pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { countingReadRows } from '../../support/servers/count-read-rows.ts'
import { createDxDatabase } from '../../support/servers/databases.ts'

/*
 * Anybody may keep a transaction open that has an id, and need not have written anything. What was
 * settled since it began is not read again by whoever looks for what waits.
 */

/** Rows that were written and settled since the oldest writer began. */
const SETTLED = 3_000
/** Rows that one that had settled rows in its range would not get by with. */
const FEW = 100

let dx: pg.Client
let writer: pg.Client
let sessions: { readonly looking: pg.Client; readonly working: pg.Client }
let epoch: string
let snapshot: string
let seen: Seen

beforeAll(async () => {
  const database = await createDxDatabase()
  writer = await database.connect()
  const looking = await connect(database.url, 'test', () => {}, LOOKING_SESSION)
  const working = await connect(database.url, 'test', () => {})
  sessions = { looking, working }
  dx = await database.connect()
  epoch = (await establishEpoch(working)).epoch
  await writer.query('begin; select pg_current_xact_id()')
  const write = (rows: number) =>
    dx.query(
      `insert into hq_export.outbox_0 (dataset, key, captured_at, body)
       select 2, 'k' || i, now() - interval '1 minute', '{}' from generate_series(1, $1::int) i`,
      [rows],
    )
  await write(SETTLED)
  await writeAck(working, epoch, await readAck(working, epoch), await takeTick(working))
  seen = (await lookIntoOutbox(working, NOTHING_SEEN, 10)).seen
  await write(2)
  snapshot = await takeTick(dx)
  return async () => {
    await looking.end()
    await working.end()
    await database[Symbol.asyncDispose]()
  }
})

const patience = { patienceMs: 0, stopping: new AbortController().signal }
const looks: Readonly<Record<string, (client: pg.ClientBase) => Promise<unknown>>> = {
  'a look for what waits': (client) => new WaitingRows().look(client),
  'a fence': (client) =>
    expect(waitForFence(client, epoch, snapshot, patience)).rejects.toThrow('the relay is behind'),
  'whether the relay is behind': (client) => yieldToRelay(client, epoch, AbortSignal.timeout(1)),
  'what changed since it was compared': async (client) => {
    expect((await lookIntoOutbox(client, seen, 10)).keys).toHaveLength(2)
  },
  'a glance': async (client) => {
    const { datasets } = await readGlance(client, 10)
    expect(datasets.map(({ waiting_rows }) => waiting_rows).sort()).toEqual([0, 0, 0, 0, 2])
  },
}

test.each(Object.keys(looks))('%s reads what waits, and nothing that is settled', async (name) => {
  for (const session of Object.values(sessions)) {
    const counting = countingReadRows(session)
    await looks[name]?.(counting.client)
    expect(counting.rows()).toBeGreaterThan(0)
    expect(counting.rows()).toBeLessThan(FEW)
  }
})
