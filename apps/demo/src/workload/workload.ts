import { setTimeout as delay } from 'node:timers/promises'
import { pause } from '@hq-export/runtime/pause.ts'
import type pg from 'pg'
import { connect } from '../databases/connect.ts'
import { commitLate } from './behaviours/commit-late.ts'
import { createTenants } from './behaviours/create-tenants.ts'
import { leakToken } from './behaviours/leak-token.ts'
import { pickBehaviour } from './behaviours.ts'
import type { Fault } from './population/faults.ts'
import { createTally, type Tally } from './population/tally.ts'
import { traceOperation } from './population/trace-operation.ts'
import type { Behaviour, Writer } from './population/transact.ts'
import { createPace } from './random/pace.ts'
import { createRandom } from './random/random.ts'

/** Connections that write at the same time, beside the one that commits late. */
const WRITERS = 5

/** Between two rows that are refused on purpose; and how many of them a run has at most. */
const LEAK_PERIOD_MS = 15_000
const MAX_LEAKS = 20

const BEGIN_WORKLOAD = `
insert into demo.workload_run (seed) values ($1) returning number::text as number`

export interface WorkloadOptions {
  /** data-engine-x with the reference schema and the demo's. */
  readonly url: string
  readonly seed: number
  /** Rows for export a second that it aims at and does not exceed for long. */
  readonly rowsPerSecond: number
  /** What goes wrong; may change meanwhile. */
  readonly faults: ReadonlySet<Fault>
  /** Called once if it cannot go on. */
  readonly onFailure: (error: unknown) => void
}

/** The application: several connections that write to data-engine-x until they are stopped. */
export class Workload {
  readonly #options: WorkloadOptions
  readonly #stopping = new AbortController()
  readonly #tally = createTally()
  #running: Promise<void> | undefined

  constructor(options: WorkloadOptions) {
    this.#options = options
  }

  /** What it has committed so far. */
  get tally(): Tally {
    return this.#tally
  }

  /** Begins; a second call changes nothing. */
  start(): void {
    this.#running ??= this.#run().catch(this.#options.onFailure)
  }

  /** Ends it: every transaction under way is finished. Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const clients: pg.Client[] = []
    try {
      const open = async () => {
        const client = await connect(this.#options.url, 'workload')
        clients.push(client)
        return client
      }
      const first = await open()
      const { rows } = await first.query<{ number: string }>(BEGIN_WORKLOAD, [this.#options.seed])
      // The number keeps the ids of a second run with the same seed apart from those of the first.
      const seed = `${this.#options.seed}/${rows[0]?.number}`
      const tally = this.#tally
      const { faults } = this.#options
      const founding = { client: first, random: createRandom(`${seed}/tenants`), tally, faults }
      const tenants = await createTenants(founding)
      // The first stock is there at once; the rate is that of what follows.
      const [beganAt, foundedRows] = [performance.now(), tally.committedRows]
      const pace = createPace(
        this.#options.rowsPerSecond,
        () => tally.committedRows - foundedRows,
        () => performance.now() - beganAt,
      )
      const shared = { tally, faults, pace, tenants, stopping: this.#stopping.signal }
      const write = async (name: string, choose: (writer: Writer) => Behaviour) => {
        const random = createRandom(`${seed}/${name}`)
        const writer: Writer = { ...shared, client: await open(), random }
        await this.#write(writer, choose)
      }
      await Promise.all([
        write('late', () => commitLate),
        ...(faults.has('leaked-token')
          ? [this.#leak({ ...shared, client: await open() }, seed)]
          : []),
        ...Array.from({ length: WRITERS }, (_, number) =>
          write(`writer-${number}`, ({ random }) => pickBehaviour(random)),
        ),
      ])
    } finally {
      // One that failed must not leave the others writing.
      this.#stopping.abort()
      await Promise.allSettled(clients.map((client) => client.end()))
    }
  }

  async #leak(writer: Omit<Writer, 'random'>, seed: string): Promise<void> {
    const random = createRandom(`${seed}/leak`)
    for (let leaks = 0; leaks < MAX_LEAKS && !writer.stopping.aborted; leaks++) {
      await traceOperation(leakToken, { ...writer, random })
      await pause(LEAK_PERIOD_MS, writer.stopping)
    }
  }

  async #write(writer: Writer, choose: (writer: Writer) => Behaviour): Promise<void> {
    while (!writer.stopping.aborted) {
      const waitMs = writer.pace.waitMs()
      if (waitMs > 0) {
        await delay(waitMs)
        continue
      }
      await traceOperation(choose(writer), writer)
    }
  }
}
