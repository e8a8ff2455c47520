import { SourceWatcher } from '@hq-export/outbox-relay/observe/watch-source.ts'
import { WaitingRows } from '@hq-export/outbox-relay/outbox/waiting-rows.ts'
import { createLog } from '@hq-export/outbox-relay/process/log.ts'
import { expect, test } from 'vitest'
import { createDxDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const PERIOD_MS = 400

test('data-engine-x is read at once where little waits, and a period later where much does', async () => {
  await using database = await createDxDatabase()
  async function firstReadingMs(periodMs: number): Promise<number> {
    const watcher = new SourceWatcher(
      database.url,
      new WaitingRows(),
      () => undefined,
      createLog('silent'),
      periodMs,
    )
    const began = performance.now()
    watcher.start()
    try {
      await waitFor('a reading', () => watcher.reading !== undefined)
      return performance.now() - began
    } finally {
      await watcher.stop()
    }
  }
  // Its period would be longer than the test may take.
  await firstReadingMs(3_600_000)
  const writer = await database.connect()
  await writer.query(
    `insert into hq_export.outbox_0 (dataset, key, body)
     select 2, n::text, repeat(md5(n::text), 60) from generate_series(1, 5000) n`,
  )
  expect(await firstReadingMs(PERIOD_MS)).toBeGreaterThanOrEqual(PERIOD_MS)
})
