import { setTimeout as delay } from 'node:timers/promises'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import type pg from 'pg'
import type { ChangingSide } from '../db/changing-side.ts'
import type { Side } from '../db/side.ts'
import type { Logger } from '../process/log.ts'
import {
  type ActionRecord,
  claimAction,
  hasRunningAction,
  type ItemOutcome,
  recordOutcomes,
  type SideName,
} from './action.ts'
import { discardLetters, replayNextLetter } from './run-dead-letters.ts'
import { discardEntries, replayEntries } from './run-quarantine.ts'
import { sendFindings } from './run-repair.ts'

/** Does the next items of an action in the open transaction, in their order; none: it is over. */
type RunPiece = (client: pg.PoolClient, action: ActionRecord) => Promise<readonly ItemOutcome[]>

const PIECES: Readonly<Record<SideName, Readonly<Record<string, RunPiece>>>> = {
  hq: { 'quarantine.replay': replayEntries, 'quarantine.discard': discardEntries },
  dx: {
    'dead_letter.replay': replayNextLetter,
    'dead_letter.discard': discardLetters,
    'reconciliation.repair': sendFindings,
  },
}

/** How often it is looked whether an action is left, say by a console that was killed. */
const LOOK_MS = 15_000
/** After a session that could not be had, or was lost. */
const RETRY_MS = [1_000, 5_000, 15_000]
const MIN_PAUSE_MS = 5

interface WorkedSide {
  readonly name: SideName
  readonly reading: Side
  readonly changing: ChangingSide
}

/**
 * Works off the actions of a side, piece by piece, each piece with its outcomes and how far it has
 * come in one transaction: wherever it is killed, it goes on behind the last piece, in this console
 * or in another. Between two pieces it rests for as long as the first took, so that whoever works
 * with the database does not notice.
 */
export class ActionRunner {
  readonly #side: WorkedSide
  readonly #log: Logger
  readonly #stopping = new AbortController()
  #woken = Promise.withResolvers<boolean>()
  #ended: Promise<void> = Promise.resolve()

  constructor(side: WorkedSide, log: Logger) {
    this.#side = side
    this.#log = log
  }

  /** Begins, where the side is connected; what was left over goes on. */
  start(): void {
    if (this.#side.changing.isConnected) this.#ended = this.#run()
  }

  /** There is something to do. */
  wake(): void {
    this.#woken.resolve(true)
  }

  /** Ends behind the piece at hand. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#ended
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    let failures = 0
    let isWorking = false
    while (!signal.aborted) {
      this.#woken = Promise.withResolvers()
      const began = performance.now()
      try {
        isWorking = (isWorking || (await this.#isAsked())) && (await this.#runPiece())
        failures = 0
        if (isWorking) await this.#rest(Math.max(MIN_PAUSE_MS, performance.now() - began))
        else isWorking = await Promise.race([this.#woken.promise, this.#rest(LOOK_MS)])
      } catch (error) {
        const { name } = this.#side.changing.database
        this.#log.warn({ reason: describeError(error), database: name }, 'an action waits')
        await this.#rest(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)] ?? 0)
      }
    }
  }

  /** Asked on a session of the pages: one that may write is opened only where it is needed. */
  async #isAsked(): Promise<boolean> {
    const { name, reading } = this.#side
    const found = await reading.read((client) => hasRunningAction(client, name))
    return found.state === 'read' && found.value
  }

  /** @returns false where there was nothing to do. */
  #runPiece(): Promise<boolean> {
    const { name, changing } = this.#side
    const pieces = PIECES[name]
    return changing.transact(async (client) => {
      const action = await claimAction(client, name, Object.keys(pieces))
      if (action === undefined) return false
      const items = (await pieces[action.kind]?.(client, action)) ?? []
      await recordOutcomes(client, action, items)
      return true
    })
  }

  /** @returns false: nobody says that there is something to do. */
  async #rest(ms: number): Promise<boolean> {
    await delay(ms, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => {})
    return false
  }
}
