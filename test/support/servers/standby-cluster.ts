import { execFile } from 'node:child_process'
import { appendFile, chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import {
  type PostgresBinaries,
  postgresBinaries,
  type ServerUser,
  serverUser,
} from '@hq-export/embedded-postgres/postgres-binaries.ts'
import { runProgram } from '@hq-export/embedded-postgres/run-program.ts'
import {
  OWNER_FILE,
  SCRATCH_PREFIX,
} from '@hq-export/embedded-postgres/sweep-abandoned-clusters.ts'
import type pg from 'pg'

const run = promisify(execFile)
const START_TIMEOUT_SECONDS = 60
/** Files of the primary that a base backup must not have. */
const NOT_IN_BACKUP = new Set(['postmaster.pid', 'postmaster.opts', 'server.log', 'pg_replslot'])

/**
 * A streaming standby of a primary, made by a low-level base backup: `pg_basebackup` does not come
 * with the embedded binaries.
 */
export class StandbyCluster implements AsyncDisposable {
  readonly url: string
  readonly #scratch: string
  readonly #binaries: PostgresBinaries
  readonly #user: ServerUser | undefined

  private constructor(fields: {
    url: string
    scratch: string
    binaries: PostgresBinaries
    user: ServerUser | undefined
  }) {
    this.url = fields.url
    this.#scratch = fields.scratch
    this.#binaries = fields.binaries
    this.#user = fields.user
  }

  /** @param primary session of a superuser on the primary; `primaryUrl` its connection URL. */
  static async follow(primary: pg.Client, primaryUrl: string): Promise<StandbyCluster> {
    const scratch = await mkdtemp(join(tmpdir(), `${SCRATCH_PREFIX}standby-`))
    await chmod(scratch, 0o755)
    // Whoever finds this folder after our death may remove it, like that of any embedded server.
    await writeFile(join(scratch, OWNER_FILE), String(process.pid))
    const user = serverUser()
    const binaries = await postgresBinaries(scratch, user)
    const port = await freePort()
    const url = new URL(primaryUrl)
    url.port = String(port)
    const standby = new StandbyCluster({ url: url.href, scratch, binaries, user })
    try {
      await standby.#copy(primary)
      await standby.#configure(primaryUrl, port)
      await standby.#pgCtl(['start', '-w', '-t', String(START_TIMEOUT_SECONDS)])
    } catch (error) {
      await standby[Symbol.asyncDispose]()
      throw error
    }
    return standby
  }

  get #dataFolder(): string {
    return join(this.#scratch, 'data')
  }

  async #copy(primary: pg.Client): Promise<void> {
    const source = await primary.query<{ data_directory: string }>('show data_directory')
    const from = source.rows[0]?.data_directory ?? ''
    await primary.query("select pg_backup_start('standby', true)")
    await run('mkdir', ['-m', '700', this.#dataFolder])
    for (const name of await readdir(from)) {
      if (!NOT_IN_BACKUP.has(name)) await run('cp', ['-a', join(from, name), this.#dataFolder])
    }
    const stopped = await primary.query<{ labelfile: string }>(
      'select labelfile from pg_backup_stop(false)',
    )
    await writeFile(join(this.#dataFolder, 'backup_label'), stopped.rows[0]?.labelfile ?? '')
    await run('mkdir', ['-p', '-m', '700', join(this.#dataFolder, 'pg_replslot')])
  }

  async #configure(primaryUrl: string, port: number): Promise<void> {
    const { hostname, port: primaryPort, password } = new URL(primaryUrl)
    await writeFile(join(this.#dataFolder, 'standby.signal'), '')
    await appendFile(
      join(this.#dataFolder, 'postgresql.conf'),
      `port = ${port}
primary_conninfo = 'host=${hostname} port=${primaryPort} user=postgres password=${decodeURIComponent(password)}'
`,
    )
    if (this.#user !== undefined) {
      await run('chown', ['-R', `${this.#user.uid}:${this.#user.gid}`, this.#dataFolder])
    }
  }

  /** Makes it a primary of its own. */
  async promote(): Promise<void> {
    await this.#pgCtl(['promote', '-w', '-t', String(START_TIMEOUT_SECONDS)])
  }

  async #pgCtl(args: readonly string[]): Promise<void> {
    const log = join(this.#dataFolder, 'server.log')
    await runProgram(
      `pg_ctl ${args[0]}`,
      this.#binaries.pgCtl,
      ['-D', this.#dataFolder, '--silent', '-l', log, ...args],
      { ...this.#user, cwd: this.#scratch },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pgCtl(['stop', '-w', '-m', 'immediate']).catch(() => {
      // It never started.
    })
    await rm(this.#scratch, { recursive: true, force: true })
  }
}
