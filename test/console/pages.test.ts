import { expect, test } from 'vitest'
import { ConsoleSite } from '../support/console/console-site.ts'
import { createDxDatabase, createHqDatabase } from '../support/servers/databases.ts'

test('a page says what is connected and what is not', async () => {
  await using hq = await createHqDatabase()
  await using dx = await createDxDatabase()
  await using both = await ConsoleSite.start({ HQ_DATABASE_URL: hq.url, DX_DATABASE_URL: dx.url })
  expect((await both.get('/')).text).not.toContain('not connected')
  await using source = await ConsoleSite.start({ DX_DATABASE_URL: dx.url })
  expect((await source.get('/')).text).toContain('HQ is not connected: set HQ_DATABASE_URL')
})
