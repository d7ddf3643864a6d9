import { Argument, Command, type Option } from 'commander'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

const HELP = `
Prints a script that makes Tab know the commands and their arguments. It asks
nothing of any server.

Examples:
  $ eval "$(sojourn completion bash)"      # in ~/.bashrc
  $ sojourn completion zsh > "\${fpath[1]}/_sojourn"
  $ sojourn completion fish > ~/.config/fish/completions/sojourn.fish

Exit code: 0, 2 usage.`

/** @param program of which all commands are known when it runs */
export function completionCommand(program: Command): Command {
  return new Command('completion')
    .description('Tab knows the commands and their arguments.')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => console.log(SCRIPTS[shell](program.commands.map(entryOf))))
}

interface Entry {
  readonly name: string
  readonly description: string
  readonly flags: readonly Flag[]
  /** What its argument can be, where that is known. */
  readonly choices: readonly string[]
}

interface Flag {
  readonly name: string
  readonly description: string
  readonly takesValue: boolean
  readonly choices: readonly string[]
}

function entryOf(command: Command): Entry {
  return {
    name: command.name(),
    description: command.description(),
    flags: [...command.options.flatMap(flagOf), HELP_FLAG],
    choices: command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
  }
}

const HELP_FLAG: Flag = {
  ...{ name: '--help', description: 'what it does, with examples' },
  ...{ takesValue: false, choices: [] },
}

function flagOf({ long, description, required, optional, argChoices = [] }: Option): Flag[] {
  if (long === null || long === undefined) return []
  return [{ name: long, description, takesValue: required || optional, choices: argChoices }]
}

const SCRIPTS: Readonly<Record<Shell, (entries: readonly Entry[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

const words = (list: readonly string[]): string => list.join(' ')

function bashScript(entries: readonly Entry[]): string {
  const cases = entries.map(({ name, flags, choices }) => {
    const known = flags.filter((flag) => flag.choices.length > 0)
    const values = known.map((flag) => `        ${flag.name}) words="${words(flag.choices)}" ;;`)
    // A path, or what only the user knows.
    const free = flags.filter((flag) => flag.takesValue && flag.choices.length === 0)
    if (free.length > 0)
      values.push(`        ${free.map((flag) => flag.name).join('|')}) return ;;`)
    const all = words([...choices, ...flags.map((flag) => flag.name)])
    return [
      `    ${name})`,
      '      case $previous in',
      ...values,
      `        *) words="${all}" ;;`,
      '      esac ;;',
    ].join('\n')
  })
  return `_sojourn() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words=""
  case $([ "$COMP_CWORD" -gt 1 ] && echo "\${COMP_WORDS[1]}") in
    "") words="${words([...entries.map(({ name }) => name), '--help', '--version'])}" ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _sojourn sojourn`
}

function zshScript(entries: readonly Entry[]): string {
  const commands = entries.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`)
  const cases = entries.map(({ name, flags, choices }) => {
    const args = flags.map((flag) => `      ${quoted(zshFlag(flag))}`)
    if (choices.length > 0) args.push(`      ${quoted(`1:value:(${words(choices)})`)}`)
    return `    ${name}) _arguments \\\n${args.join(' \\\n')} ;;`
  })
  return `#compdef sojourn
_sojourn() {
  local -a commands=(
${commands.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
# Loaded from fpath it is called, from eval it is only made known.
if [[ $funcstack[1] == _sojourn ]]; then _sojourn "$@"; else compdef _sojourn sojourn; fi`
}

function zshFlag({ name, description, takesValue, choices }: Flag): string {
  const text = description.replaceAll(/[[\]:]/g, (sign) => `\\${sign}`)
  if (!takesValue) return `${name}[${text}]`
  return `${name}[${text}]:value:${choices.length > 0 ? `(${words(choices)})` : ''}`
}

function fishScript(entries: readonly Entry[]): string {
  const first = 'not __fish_seen_subcommand_from ' + words(entries.map(({ name }) => name))
  const lines = entries.flatMap(({ name, description, flags, choices }) => {
    const here = quoted(`__fish_seen_subcommand_from ${name}`)
    return [
      `complete -c sojourn -f -n ${quoted(first)} -a ${name} -d ${quoted(description)}`,
      ...(choices.length > 0
        ? [`complete -c sojourn -f -n ${here} -a ${quoted(words(choices))}`]
        : []),
      ...flags.map((flag) => {
        const value = flag.choices.length > 0 ? ` -x -a ${quoted(words(flag.choices))}` : ' -r'
        const long = flag.name.slice(2)
        return `complete -c sojourn -n ${here} -l ${long}${flag.takesValue ? value : ''} -d ${quoted(flag.description)}`
      }),
    ]
  })
  return lines.join('\n')
}

/** For all three shells: between single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
