import { test } from 'vitest'
import { crashSource } from '../support/crash-source.ts'

test('I1: a hundred crashes under load leave HQ with exactly what the source has', () =>
  crashSource(100))
