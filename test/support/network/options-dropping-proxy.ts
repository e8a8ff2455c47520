import { TcpProxy } from './tcp-proxy.ts'

/** The startup message without its parameter `options`, as a pooler passes it on. */
function withoutOptions(startup: Buffer): Buffer {
  // Int32 length, Int32 version, then names and values, each ended by a zero, and a zero.
  const texts = startup.subarray(8, -2).toString().split('\0')
  const kept: string[] = []
  for (let index = 0; index + 1 < texts.length; index += 2) {
    const [name = '', value = ''] = texts.slice(index, index + 2)
    if (name !== 'options') kept.push(name, value)
  }
  const parameters = Buffer.from(`${kept.join('\0')}\0\0`)
  const message = Buffer.concat([startup.subarray(0, 8), parameters])
  message.writeInt32BE(message.length)
  return message
}

/** Drops the startup parameter `options`. */
export class OptionsDroppingProxy extends TcpProxy {
  static start(targetUrl: string): Promise<OptionsDroppingProxy> {
    const proxy = new OptionsDroppingProxy(targetUrl, (inside, outside) => {
      inside.once('data', (startup: Buffer) => {
        outside.write(withoutOptions(startup))
        inside.pipe(outside)
      })
      outside.pipe(inside)
    })
    return proxy.listen()
  }
}
