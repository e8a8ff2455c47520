import { BatchSizer } from '@hq-export/outbox-relay/flow-control/batch-sizer.ts'
import { readWindow } from '@hq-export/outbox-relay/outbox/read-window.ts'
import { EMPTY_SNAPSHOT, takeTick } from '@hq-export/outbox-relay/outbox/tick.ts'
import { MAX_PAGE_BYTES } from '@hq-export/outbox-relay/push/deliver-window.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { LED_SESSION } from '@hq-export/outbox-relay/session/lead.ts'

/** The outbox to read, all that it retains. */
export interface ReadTask {
  readonly url: string
  /** How long it may take. */
  readonly seconds: number
}

/** What was read. */
export interface ReadResult {
  readonly rows: number
  readonly seconds: number
  /** Processor time of this program meanwhile, which drops what it reads. */
  readonly cpuMs: number
}

const task: ReadTask = JSON.parse(process.argv[2] ?? '{}')
const client = await connect(
  task.url,
  'bench',
  (error) => {
    throw error
  },
  LED_SESSION,
)
const window = { from: EMPTY_SNAPSHOT, to: await takeTick(client) }
const limits = { maxRows: new BatchSizer().rows, maxBytes: MAX_PAGE_BYTES }
let rows = 0
const startedAt = performance.now()
const cpuBefore = process.cpuUsage()
for await (const page of readWindow(client, window, limits)) rows += page.rowCount
const cpu = process.cpuUsage(cpuBefore)
const result: ReadResult = {
  rows,
  seconds: (performance.now() - startedAt) / 1000,
  cpuMs: (cpu.user + cpu.system) / 1000,
}
await client.end()
process.stdout.write(`${JSON.stringify(result)}\n`)
