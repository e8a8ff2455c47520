import { randomBytes } from 'node:crypto'
import { appendFile, chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import {
  type PostgresBinaries,
  postgresBinaries,
  type ServerUser,
  serverUser,
} from './postgres-binaries.ts'
import { runProgram } from './run-program.ts'
import { OWNER_FILE, SCRATCH_PREFIX, sweepAbandonedClusters } from './sweep-abandoned-clusters.ts'

/** Attempts to start on a port that another process may take between probing and binding it. */
const START_ATTEMPTS = 5
const START_TIMEOUT_SECONDS = 60
/** What every system takes as the path of a socket. */
const MAX_SOCKET_BYTES = 103

export interface ClusterOptions {
  /** Name in error messages and in the scratch folder. */
  readonly name: string
  /** `postgresql.conf` settings on top of the defaults. */
  readonly settings?: Readonly<Record<string, string>>
  /**
   * Installation to run, a folder that has a folder `bin`; by default the one that comes with the
   * packages.
   */
  readonly installed?: string
  /**
   * Also listens on a socket in its data folder, which only the user who runs it may open, and asks
   * its superuser for no password there: a session begins in half the processor time. By default,
   * and where the path would be too long for a socket, it does not.
   */
  readonly hasSocket?: boolean
}

function configuration(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join('')
}

/**
 * A throw-away PostgreSQL server in a scratch folder, on loopback, with a random password. It runs
 * in a session of its own: Ctrl-C at the terminal ends us, and we end it, after what uses it has
 * stopped.
 */
export class EmbeddedCluster {
  readonly #scratch: string
  readonly #binaries: PostgresBinaries
  readonly #user: ServerUser | undefined
  readonly #password: string
  readonly #name: string
  #port = 0
  #hasSocket = false

  private constructor(
    name: string,
    scratch: string,
    binaries: PostgresBinaries,
    user: ServerUser | undefined,
  ) {
    this.#name = name
    this.#scratch = scratch
    this.#binaries = binaries
    this.#user = user
    this.#password = randomBytes(18).toString('base64url')
  }

  /** Creates and starts a server; on failure nothing is left behind. */
  static async start(options: ClusterOptions): Promise<EmbeddedCluster> {
    await sweepAbandonedClusters()
    const scratch = await mkdtemp(join(tmpdir(), `${SCRATCH_PREFIX}${options.name}-`))
    await chmod(scratch, 0o755)
    await writeFile(join(scratch, OWNER_FILE), String(process.pid))
    let cluster: EmbeddedCluster | undefined
    try {
      const user = serverUser()
      const binaries = await postgresBinaries(scratch, user, options.installed)
      cluster = new EmbeddedCluster(options.name, scratch, binaries, user)
      await cluster.#initialise(options.settings ?? {})
      if (options.hasSocket === true) await cluster.#addSocket()
      await cluster.#startOnFreePort()
      return cluster
    } catch (error) {
      // A server that was slow to start may run by now.
      await cluster?.remove()
      await rm(scratch, { recursive: true, force: true })
      throw error
    }
  }

  /** Connection URL of a database on this server, as superuser. */
  url(database = 'postgres'): string {
    return `postgres://postgres:${this.#password}@127.0.0.1:${this.#port}/${database}`
  }

  /** {@link url} by its socket, where it {@link ClusterOptions.hasSocket | has} one. */
  socketUrl(database?: string): string {
    const url = new URL(this.url(database))
    if (this.#hasSocket) url.searchParams.set('host', this.#dataFolder)
    return url.href
  }

  /** Process id of the postmaster while it runs. */
  async pid(): Promise<number> {
    const file = await readFile(join(this.#dataFolder, 'postmaster.pid'), 'utf8')
    return Number(file.split('\n')[0])
  }

  /**
   * Ends the server: `fast` disconnects clients and writes a checkpoint, `immediate` is a crash.
   */
  async halt(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#pgCtl(['stop', '-w', '-m', mode])
  }

  /** Starts the server again on the same port after {@link halt} or a kill. */
  async resume(): Promise<void> {
    const log = join(this.#dataFolder, 'server.log')
    await this.#pgCtl(['start', '-w', '-t', String(START_TIMEOUT_SECONDS), '-l', log])
  }

  /** Ends the server if it runs and removes every trace of it. */
  async remove(): Promise<void> {
    const running = await this.pid().then(
      () => true,
      () => false,
    )
    if (running) await this.halt('immediate')
    await rm(this.#scratch, { recursive: true, force: true })
  }

  get #dataFolder(): string {
    return join(this.#scratch, 'data')
  }

  get #spawnOptions(): { uid?: number; gid?: number; cwd: string } {
    return { ...this.#user, cwd: this.#scratch }
  }

  async #initialise(settings: Readonly<Record<string, string>>): Promise<void> {
    await mkdir(this.#dataFolder, { mode: 0o700 })
    const passwordFile = join(this.#scratch, 'password')
    await writeFile(passwordFile, this.#password, { mode: 0o600 })
    if (this.#user !== undefined) {
      await chown(this.#dataFolder, this.#user.uid, this.#user.gid)
      await chown(passwordFile, this.#user.uid, this.#user.gid)
    }
    await runProgram(
      'initdb',
      this.#binaries.initdb,
      [
        `--pgdata=${this.#dataFolder}`,
        '--username=postgres',
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
      ],
      this.#spawnOptions,
    )
    await rm(passwordFile)
    await appendFile(
      join(this.#dataFolder, 'postgresql.conf'),
      configuration({
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
        ...settings,
      }),
    )
  }

  /** The first line of pg_hba.conf that fits decides. */
  async #addSocket(): Promise<void> {
    const longest = join(this.#dataFolder, '.s.PGSQL.65535')
    this.#hasSocket = Buffer.byteLength(longest) <= MAX_SOCKET_BYTES
    if (!this.#hasSocket) return
    const access = join(this.#dataFolder, 'pg_hba.conf')
    const others = await readFile(access, 'utf8')
    await writeFile(access, `local all postgres trust\n${others}`)
    await appendFile(
      join(this.#dataFolder, 'postgresql.conf'),
      configuration({ unix_socket_directories: this.#dataFolder }),
    )
  }

  async #startOnFreePort(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#port = await freePort()
      await appendFile(join(this.#dataFolder, 'postgresql.conf'), `port = ${this.#port}\n`)
      try {
        await this.resume()
        return
      } catch (cause) {
        if (attempt === START_ATTEMPTS) {
          const log = await readFile(join(this.#dataFolder, 'server.log'), 'utf8').catch(() => '')
          throw new Error(`PostgreSQL (${this.#name}) did not start:\n${log}`, { cause })
        }
      }
    }
  }

  async #pgCtl(args: readonly string[]): Promise<void> {
    await runProgram(
      `pg_ctl ${args[0]}`,
      this.#binaries.pgCtl,
      ['-D', this.#dataFolder, '--silent', ...args],
      this.#spawnOptions,
    )
  }
}
