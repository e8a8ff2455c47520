import { test } from 'vitest'
import { killRepeatedly } from '../support/programs/kill-repeatedly.ts'

const KILLS = 40

test.each(['relay', 'gateway'] as const)(
  `I1, I3: ${KILLS} times SIGKILL of the %s loses and duplicates nothing`,
  (app) => killRepeatedly(app, KILLS),
)
