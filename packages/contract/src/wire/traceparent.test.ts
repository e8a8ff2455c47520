import { expect, it } from 'vitest'
import { parseTraceparent } from './traceparent.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const SPAN_ID = 'b7ad6b7169203331'

it('reads ids and flags', () => {
  expect(parseTraceparent(`00-${TRACE_ID}-${SPAN_ID}-01`)).toEqual({
    traceId: TRACE_ID,
    spanId: SPAN_ID,
    flags: 1,
  })
  expect(parseTraceparent(`00-${TRACE_ID}-${SPAN_ID}-ff`)?.flags).toBe(255)
})

it.each([
  '',
  `00-${'0'.repeat(32)}-${SPAN_ID}-01`,
  `00-${TRACE_ID}-${'0'.repeat(16)}-01`,
  `00-${TRACE_ID.toUpperCase()}-${SPAN_ID}-01`,
  `00-${TRACE_ID}-${SPAN_ID}`,
  `00-${TRACE_ID}-${SPAN_ID}-01-more`,
  `ff-${TRACE_ID}-${SPAN_ID}-01`,
  ` 00-${TRACE_ID}-${SPAN_ID}-01`,
  `00-${TRACE_ID}-${SPAN_ID}-01\n`,
  [`00-${TRACE_ID}-${SPAN_ID}-01`],
  null,
  7,
])('refuses %j', (text) => {
  expect(parseTraceparent(text)).toBeUndefined()
})
