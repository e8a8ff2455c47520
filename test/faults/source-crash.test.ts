import { test } from 'vitest'
import { crashSource } from '../support/servers/crash-source.ts'

test('I1: crashes under load with synchronous_commit = off leave HQ with exactly what the source has', () =>
  crashSource(4))
