import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { RELAY_SCRIPT } from '../children/app-scripts.ts'
import { childEnvironment } from '../children/child-environment.ts'

const run = promisify(execFile)

/** Whom the relay's own comparison asks. */
export interface ReconcileOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly dxUrl: string
  readonly ingestUrl: string
  readonly source: string
  readonly secret: string
}

/** What `relay -- reconcile` came to. */
export interface SidesReconciled {
  /** Exit status 0: equal. */
  readonly isEqual: boolean
  /** What it printed, for people. */
  readonly text: string
}

/**
 * Runs `npm run relay -- reconcile` as an operator would: both sides by checksums, over the
 * gateway, without a look into HQ's database.
 */
export async function reconcileSides(options: ReconcileOptions): Promise<SidesReconciled> {
  const { env, dxUrl, ingestUrl, source, secret } = options
  const ran = run(process.execPath, [RELAY_SCRIPT, 'reconcile'], {
    env: childEnvironment(env, {
      DX_DATABASE_URL: dxUrl,
      HQ_INGEST_URL: ingestUrl,
      HQ_SIGNING_SECRET: secret,
      RELAY_SOURCE: source,
    }),
  })
  // Another status than 0 is an answer, too, and says why in what it prints.
  const { stdout, stderr, code } = await ran.then(
    (printed) => ({ ...printed, code: 0 }),
    (error: { stdout: string; stderr: string; code: unknown }) => error,
  )
  return code === 0
    ? { isEqual: true, text: stdout.trimEnd() }
    : { isEqual: false, text: `${stdout}${stderr}`.trimEnd() }
}
