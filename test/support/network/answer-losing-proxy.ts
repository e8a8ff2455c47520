import { TcpProxy } from './tcp-proxy.ts'

/** Can end a session at the moment at which the server answers it: the answer is lost. */
export class AnswerLosingProxy extends TcpProxy {
  /** While true, the next answer to anybody ends the session. */
  isLosing = false

  static start(targetUrl: string): Promise<AnswerLosingProxy> {
    const proxy = new AnswerLosingProxy(targetUrl, (inside, outside) => {
      inside.on('data', (chunk: Buffer) => outside.write(chunk))
      outside.on('data', (chunk: Buffer) => {
        if (proxy.isLosing) inside.destroy()
        else inside.write(chunk)
      })
    })
    return proxy.listen()
  }
}
