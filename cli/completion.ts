import type { Command, Option } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What a shell completes after a verb. */
interface Verb {
  readonly name: string;
  readonly description: string;
  readonly options: readonly Option[];
}

/**
 * A script that has a shell complete the verbs of the command and their options; files elsewhere.
 *
 * https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html,
 * https://zsh.sourceforge.io/Doc/Release/Completion-System.html, https://fishshell.com/docs/current/completions.html
 */
export function completionScript(shell: Shell, program: Command): string {
  const global = program.options.filter((option) => !option.hidden);
  const verbs = program.commands.map((command): Verb => {
    return {
      name: command.name(),
      description: firstSentence(command.description()),
      options: [...command.options.filter((option) => !option.hidden), ...global],
    };
  });
  return { bash, zsh, fish }[shell]({ name: program.name(), verbs, global });
}

interface Named {
  readonly name: string;
  readonly verbs: readonly Verb[];
  readonly global: readonly Option[];
}

function bash({ name, verbs, global }: Named): string {
  const flags = (options: readonly Option[]): string =>
    [...options.flatMap(({ long }) => long ?? []), '--help'].join(' ');
  const withValue = global.flatMap(({ long, required }) => (required && long !== undefined ? [long] : []));
  const cases = verbs.map((verb) => `    ${verb.name}) words='${flags(verb.options)}' ;;`);
  const forms = choices(global).map(({ long, among }) => `  ${long}) words='${among.join(' ')}' ;;`);
  return `# source <(${name} completion bash)
_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} verb= words index
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
    ${withValue.join('|')}) ((index++)) ;;
    -*) ;;
    *) verb=\${COMP_WORDS[index]}; break ;;
    esac
  done
  case $verb in
    '') words='${verbs.map((verb) => verb.name).join(' ')} ${flags(global)}' ;;
${cases.join('\n')}
    *) words= ;;
  esac
  case \${COMP_WORDS[COMP_CWORD-1]} in
${forms.join('\n')}
  *) if [[ $verb != '' && $current != -* ]]; then return; fi ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name} ${name}
`;
}

function zsh({ name, verbs, global }: Named): string {
  const described = verbs.map((verb) => `    ${quoted(`${verb.name}:${verb.description}`)}`);
  const argument = (option: Option): string => {
    const { long = '', required, description } = option;
    const text = firstSentence(description).replace(/[[\]:\\]/g, String.raw`\$&`);
    const values = option.argChoices === undefined ? '_files' : `(${option.argChoices.join(' ')})`;
    return quoted(`${long}[${text}]${required ? `:${option.attributeName()}:${values}` : ''}`);
  };
  const cases = verbs.map(
    (verb) => `    ${verb.name}) _arguments ${verb.options.map(argument).join(' ')} '*:file:_files' ;;`,
  );
  return `#compdef ${name}
# ${name} completion zsh > "\${fpath[1]}/_${name}", or: source <(${name} completion zsh)
_${name}() {
  local curcontext=$curcontext state line
  local -a verbs=(
${described.join('\n')}
  )
  _arguments -C ${global.map(argument).join(' ')} '1:verb:->verb' '*::argument:->argument'
  case $state in
  verb) _describe verb verbs ;;
  argument)
    case $line[1] in
${cases.join('\n')}
    esac ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function fish({ name, verbs, global }: Named): string {
  const flag = (option: Option, when: string): string => {
    const { long = '', description } = option;
    return `complete -c ${name}${when} -l ${long.replace(/^--/, '')} -d ${quoted(firstSentence(description))}${valueOf(option)}`;
  };
  return [
    `# ${name} completion fish | source`,
    ...global.map((option) => flag(option, '')),
    ...verbs.flatMap((verb) => [
      `complete -c ${name} -n __fish_use_subcommand -f -a ${verb.name} -d ${quoted(verb.description)}`,
      ...verb.options
        .filter((option) => !global.includes(option))
        .map((option) => flag(option, ` -n ${quoted(`__fish_seen_subcommand_from ${verb.name}`)}`)),
    ]),
    '',
  ].join('\n');
}

/** What fish completes behind an option that takes a value. */
function valueOf({ required, argChoices }: Option): string {
  if (argChoices !== undefined) return ` -x -a ${quoted(argChoices.join(' '))}`;
  return required ? ' -r' : '';
}

function choices(options: readonly Option[]): { long: string; among: readonly string[] }[] {
  return options.flatMap(({ long, argChoices }) =>
    long === undefined || argChoices === undefined ? [] : [{ long, among: argChoices }],
  );
}

/** As one word of any of the shells. */
function quoted(text: string): string {
  return `'${text.replace(/'/g, '’')}'`;
}

function firstSentence(text: string): string {
  return (/^.*?(?=[.:;](?:\s|$)| \(|$)/s.exec(text)?.[0] ?? text).replace(/\s+/g, ' ');
}
