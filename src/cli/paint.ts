import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Colours for people: not into files and pipes, nor where NO_COLOR says so (no-color.org). */
export function paint(
  style: Style,
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  const { env } = process
  const isWanted =
    env['FORCE_COLOR'] === undefined
      ? stream.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
      : env['FORCE_COLOR'] !== '0'
  return isWanted ? styleText(style, text) : text
}
