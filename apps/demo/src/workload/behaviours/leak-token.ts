import { drawEnd, drawRun } from '../population/draw-operation.ts'
import { endRuns, insertRuns } from '../population/operation-sql.ts'
import { pickEntity } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'

const CORRECTED_SHARE = 0.5
const TOKEN_CHARS = 36

/**
 * A provider repeats the caller's credential in its error, and the application stores it: a row
 * that HQ refuses, on purpose. Some of them are corrected afterwards, so that their replay goes through.
 */
export async function leakToken(writer: Writer): Promise<void> {
  const { random } = writer
  const tenant = random.pick(writer.tenants)
  const entityId = pickEntity(tenant, 'company', random)
  if (entityId === undefined) return
  const run = drawRun(random, tenant, 'company', entityId, null)
  const begun = await transact(writer, async (tx) => {
    await insertRuns(tx, [run])
    return 'commit'
  })
  if (!begun) return
  const runId = String(run.run_id)
  // Of the shape that is looked for, and of a random that nobody was ever given.
  const token = `ghp_${random.hex(TOKEN_CHARS)}`
  const ended = await transact(writer, async (tx) => {
    const end = drawEnd(random, runId, 'failed', 1)
    await endRuns(tx, [{ ...end, error_message: `401 for token ${token}` }])
    return 'commit'
  })
  if (!ended || !random.chance(CORRECTED_SHARE)) return
  await transact(writer, async (tx) => {
    await tx.client.query({
      name: 'correct-run',
      text: `update ops.operation_runs set error_message = '401 for a token' where run_id = $1`,
      values: [runId],
    })
    return 'commit'
  })
}
