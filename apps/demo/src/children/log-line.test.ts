import { describe, expect, it } from 'vitest'
import { readLogLine } from './log-line.ts'

describe('a line that an app printed', () => {
  it('is no warning below level 40', () => {
    expect(readLogLine('{"level":30,"time":1,"msg":"working"}').isWarning).toBe(false)
  })

  it('is a warning from level 40 on, with its fields and without what every line has', () => {
    const line = '{"level":40,"time":1,"pid":7,"hostname":"h","code":"57P01","msg":"lost"}'
    expect(readLogLine(line)).toEqual({ isWarning: true, text: 'lost code=57P01' })
  })

  it('is a warning where it is no log line', () => {
    expect(readLogLine('relay: error: gone')).toEqual({
      isWarning: true,
      text: 'relay: error: gone',
    })
    expect(readLogLine('42').isWarning).toBe(true)
  })
})
