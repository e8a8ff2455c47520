import { expect, test } from 'vitest'
import { crashSource } from '../support/servers/crash-source.ts'

const CRASHES = 100

test('I1: a hundred crashes under load leave HQ with exactly what the source has', async () => {
  const { survived, undone } = await crashSource(CRASHES)
  process.stdout.write(
    `${CRASHES} crashes: ${survived} rows survived and arrived, ${undone} answered commits were undone and sent nowhere\n`,
  )
  expect(survived).toBeGreaterThan(CRASHES)
})
