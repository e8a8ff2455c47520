import type pg from 'pg'
import { FLUSH_WAL } from './flush-wal.ts'

/** A statement that a session prepares once. */
export interface PreparedStatement {
  /** Unique among all of a session. */
  readonly name: string
  readonly text: string
}

/** A prepared statement with its parameters: texts, or the bytes of a bytea. */
export interface BoundStatement {
  readonly statement: PreparedStatement
  readonly values: readonly (string | Buffer | null)[]
}

/** A row as PostgreSQL sends it: texts. */
type TextRow = readonly (string | null)[]

/** Names of the statements that a session has prepared. */
const preparedBy = new WeakMap<pg.PoolClient, Set<string>>()

async function prepare(client: pg.PoolClient, { name, text }: PreparedStatement): Promise<void> {
  const prepared = preparedBy.get(client) ?? new Set()
  if (prepared.has(name)) return
  await client.query(`prepare "${name}" as ${text}`)
  preparedBy.set(client, prepared.add(name))
}

/**
 * Tells what comes back of one transaction.
 *
 * Statements that are bound and executed with one Sync, behind the last of them, are one
 * transaction (PostgreSQL, "Message Flow", Pipelining). The Sync commits; after an error everything
 * up to it is skipped, and it rolls back. So no BEGIN can fail by itself and leave what follows to
 * commit one by one.
 */
class Transaction implements pg.Submittable {
  readonly #send: (connection: pg.Connection) => void
  readonly #onCommitted: (rows: TextRow[]) => void
  readonly #onError: (error: Error) => void
  readonly #rows: TextRow[] = []

  /** @param send sends what has not been sent, when it is its turn. */
  constructor(
    send: (connection: pg.Connection) => void,
    onCommitted: (rows: TextRow[]) => void,
    onError: (error: Error) => void,
  ) {
    this.#send = send
    this.#onCommitted = onCommitted
    this.#onError = onError
  }

  submit(connection: pg.Connection): void {
    this.#send(connection)
  }

  handleDataRow({ fields }: { fields: TextRow }): void {
    this.#rows.push(fields)
  }

  handleCommandComplete(): void {}

  /** Of a statement, of the COMMIT, or of the connection. */
  handleError(error: Error): void {
    this.#onError(error)
  }

  /** Comes after the COMMIT, and not after an error. */
  handleReadyForQuery(): void {
    this.#onCommitted(this.#rows)
  }
}

const FLUSH: BoundStatement = { statement: { name: 'flush WAL', text: FLUSH_WAL }, values: [] }

function write(connection: pg.Connection, statements: readonly BoundStatement[]): void {
  for (const { statement, values } of statements) {
    connection.bind({ statement: statement.name, values: [...values] }, true)
    connection.execute(null, true)
  }
  connection.sync()
}

/**
 * Runs statements in one READ COMMITTED transaction, one after the other, each with a snapshot of
 * its own, and behind it another transaction that waits for the disk, all in one round trip. So
 * the first may have `synchronous_commit = off`: others see what it wrote before it is on disk, and
 * nobody is told of it before. Resolves with its rows when all of it is on disk.
 * @throws the first error of PostgreSQL: nothing stays; or that of a connection that is lost, or of
 * the flush: nobody knows.
 */
export async function sendTogether(
  client: pg.PoolClient,
  statements: readonly BoundStatement[],
): Promise<TextRow[]> {
  for (const { statement } of [...statements, FLUSH]) await prepare(client, statement)
  function send(connection: pg.Connection): void {
    connection.stream.cork()
    write(connection, statements)
    write(connection, [FLUSH])
    connection.stream.uncork()
  }
  const run = (sending: (connection: pg.Connection) => void) =>
    new Promise<TextRow[]>((resolve, reject) => {
      client.query(new Transaction(sending, resolve, reject))
    })
  const [ran, flushed] = await Promise.allSettled([run(send), run(() => {})])
  if (ran.status === 'rejected') throw ran.reason
  if (flushed.status === 'rejected') throw flushed.reason
  return ran.value
}
