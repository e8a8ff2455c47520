import { expect, test } from 'vitest'
import { Strangers } from './strangers.ts'

const MIB = 1024 * 1024

function roomOf(maxStrangers: number, maxStrangerBytes = 100 * MIB) {
  let nowMs = 0
  const gone: string[] = []
  const strangers = new Strangers({ maxStrangers, maxStrangerBytes }, () => nowMs)
  return {
    strangers,
    gone,
    pass: (ms: number) => {
      nowMs += ms
    },
    enter: (name: string, address = 'somewhere') =>
      strangers.enter(address, ({ code, headers }) => {
        expect([code, headers.connection]).toEqual(['at_capacity', 'close'])
        gone.push(name)
      }),
  }
}

test('nobody is turned away for those who are there: the slowest goes', () => {
  const { strangers, gone, pass, enter } = roomOf(3)
  enter('silent')
  pass(500)
  enter('trickling').arrived(10)
  const fast = enter('fast')
  pass(1_500)
  fast.arrived(MIB)
  enter('newcomer')
  enter('next newcomer')
  expect(gone).toEqual(['silent', 'trickling'])
  expect(strangers).toMatchObject({ requests: 3, bytes: MIB })
})

test('who sends most of a body and then stops is slow soon, too', () => {
  const { gone, pass, enter } = roomOf(2)
  enter('stopped').arrived(8 * MIB - 1)
  pass(1_900)
  enter('fresh')
  pass(200)
  enter('newcomer')
  expect(gone).toEqual(['stopped'])
})

test('a steady body on a slow line is not slow, however long it takes', () => {
  const { gone, pass, enter } = roomOf(2)
  const steady = enter('steady')
  for (let second = 0; second < 20; second++) {
    pass(1_000)
    steady.arrived(128 * 1024)
  }
  enter('fresh')
  pass(999)
  steady.arrived(128 * 1024)
  pass(2)
  enter('newcomer')
  expect(gone).toEqual(['fresh'])
})

test('where nobody is slow, one of the address that takes the most goes', () => {
  const { gone, enter } = roomOf(3)
  enter('alone', 'a')
  enter('first of many', 'b')
  enter('second of many', 'b')
  enter('newcomer', 'c')
  expect(gone).toEqual(['first of many'])
})

test('bytes are charged as they arrive, and given back', () => {
  const { strangers, gone, enter } = roomOf(10, 10 * MIB)
  const big = enter('big', 'a')
  big.arrived(6 * MIB)
  const small = enter('small', 'b')
  small.arrived(MIB)
  enter('other', 'c').arrived(4 * MIB)
  expect(gone).toEqual(['big'])
  // Its last pieces are already on their way.
  big.arrived(MIB)
  big[Symbol.dispose]()
  small[Symbol.dispose]()
  small[Symbol.dispose]()
  expect(strangers).toMatchObject({ requests: 1, bytes: 4 * MIB })
})
