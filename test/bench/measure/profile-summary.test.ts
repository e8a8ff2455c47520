import { expect, test } from 'vitest'
import { summarise } from './profile-summary.ts'

const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 9 })

test('time is added up by function, without start-up and idle time', () => {
  const summary = summarise({
    nodes: [
      { id: 1, callFrame: frame('(root)'), children: [2, 4, 5] },
      { id: 2, callFrame: frame('load', 'node:internal/modules/run_main'), children: [3] },
      { id: 3, callFrame: frame('read', 'node:fs') },
      { id: 4, callFrame: frame('seal', 'file:///anywhere/apps/outbox-relay/src/seal.ts') },
      { id: 5, callFrame: frame('(idle)') },
    ],
    samples: [3, 4, 5, 4],
    timeDeltas: [1000, 2000, 50_000, 3000],
  })
  expect(summary).toEqual({
    startUpMs: 1,
    busyMs: 5,
    selfTimes: [{ where: 'seal apps/outbox-relay/src/seal.ts:10', ms: 5 }],
  })
})
