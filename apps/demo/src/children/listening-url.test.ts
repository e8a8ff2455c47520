import { expect, it } from 'vitest'
import { listeningUrl } from './listening-url.ts'

it('the gateway says where it listens', () => {
  const line = '{"level":30,"time":1,"url":"http://127.0.0.1:8080","msg":"listening"}'
  expect(listeningUrl(line)).toBe('http://127.0.0.1:8080')
})

it('no other line does', () => {
  expect(listeningUrl('{"level":30,"msg":"stopped"}')).toBeUndefined()
  expect(listeningUrl('{"level":30,"msg":"listening"}')).toBeUndefined()
  expect(listeningUrl('not listening')).toBeUndefined()
})
