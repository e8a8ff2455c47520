import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'

/**
 * The gateway's OpenAPI document as it serves it, asked of its own program: programs do not import
 * one another.
 * @throws {OperatorError} where it does not answer.
 */
export function readGatewayOpenApi(root: string): string {
  const main = join(root, 'apps/hq-ingest/src/main.ts')
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'openapi'], {
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  })
  if (status === 0) return stdout
  const [line = 'it did not start'] = (stderr ?? '').trim().split('\n')
  throw new OperatorError(
    `the gateway does not describe itself: ${line}; run: npm run ingest -- openapi`,
  )
}
