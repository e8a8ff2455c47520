import type pg from 'pg'

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
 * What the driver sends when it is its turn, and tells what comes back.
 *
 * Statements that are bound and executed with one Sync, behind the last of them, are one
 * transaction (PostgreSQL, "Message Flow", Pipelining). The Sync commits; after an error everything
 * up to it is skipped, and it rolls back. So no BEGIN can fail by itself and leave what follows to
 * commit one by one.
 */
class Together implements pg.Submittable {
  readonly #statements: readonly BoundStatement[]
  readonly #onCommitted: (rows: TextRow[]) => void
  readonly #onError: (error: Error) => void
  readonly #rows: TextRow[] = []

  constructor(
    statements: readonly BoundStatement[],
    onCommitted: (rows: TextRow[]) => void,
    onError: (error: Error) => void,
  ) {
    this.#statements = statements
    this.#onCommitted = onCommitted
    this.#onError = onError
  }

  submit(connection: pg.Connection): void {
    connection.stream.cork()
    for (const { statement, values } of this.#statements) {
      connection.bind({ statement: statement.name, values: [...values] }, true)
      connection.execute(null, true)
    }
    connection.sync()
    connection.stream.uncork()
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

/**
 * Runs statements in one READ COMMITTED transaction and one round trip, one after the other, each
 * with a snapshot of its own. Resolves after COMMIT, with the rows of all of them.
 * @throws the first error of PostgreSQL: nothing stays; or that of a connection that is lost:
 * nobody knows.
 */
export async function sendTogether(
  client: pg.PoolClient,
  statements: readonly BoundStatement[],
): Promise<TextRow[]> {
  for (const { statement } of statements) await prepare(client, statement)
  return new Promise((resolve, reject) => {
    client.query(new Together(statements, resolve, reject))
  })
}
