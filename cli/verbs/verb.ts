import { type Command, InvalidArgumentError, Option } from 'commander';
import { durationPattern, parseDuration } from '../../shared/environment/duration.ts';
import { longestReason, showsSomething } from '../../shared/pipeline/act/action.ts';
import type { ApiResource } from '../../shared/objects/cluster-api.ts';
import type { CommandResult } from '../command-result.ts';
import type { Context } from '../context.ts';

export const exitCodes =
  'Exit codes: 0 converged or done, 1 diverged, failed or not known, 2 wrong usage or configuration, 130 ended by Ctrl-C, 143 by SIGTERM.';

/** What a command works on, and where its answer goes. */
export interface Surroundings {
  readonly open: (options: { config: string | undefined }) => Context;
  readonly answer: (answer: CommandResult) => void;
}

export function limitOption(): Option {
  return new Option('--limit <number>', 'how many are looked at, of each subscription')
    .argParser(wholeNumber)
    .default(100);
}

/** What every verb has that acts. */
export function addActOptions(command: Command): Command {
  return command
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--own-rights', 'by your own rights, though the configuration says where the act function answers');
}

/** `--config` is an option of the program, and may be given before or after a command's name. */
export function contextOf(command: Command, open: Surroundings['open']): Context {
  return open({ config: command.optsWithGlobals<{ config?: string }>().config });
}

/** For the history and the alerts, as an action takes it. */
export function reasonOption(): Option {
  return new Option('--reason <text>', 'for the history and the alerts').argParser((text: string) => {
    const said = text.trim();
    if (!showsSomething(said) || said.length > longestReason)
      throw new InvalidArgumentError(`It is a text of ${longestReason} characters at most.`);
    return said;
  });
}

export function example(line: string): string {
  return `\nExample:\n  $ ${line}\n\n${exitCodes}`;
}

export function duration(text: string): number {
  if (!durationPattern.test(text)) throw new InvalidArgumentError('It is digits with ms, s, m, h or d, like 1h30m.');
  return parseDuration(text);
}

export function kubernetesVersion(text: string): string {
  const [, version] = /^v?(\d+\.\d+(?:\.\d+)?(?:[-+.][0-9A-Za-z.+-]+)?)$/.exec(text) ?? [];
  if (version === undefined) throw new InvalidArgumentError('It is like v1.36.3.');
  return `v${version}`;
}

export function collectList(text: string, before: readonly string[]): string[] {
  return [...before, ...text.split(',').filter((part) => part !== '')];
}

export function collect(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

export function collectLabels(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const [, label, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (label === undefined || value === undefined) throw new InvalidArgumentError('It is like customer=acme.');
  return { ...before, [label]: value };
}

/** `Certificate.cert-manager.io=certificates`, for whatever version. */
export function collectResources({
  namespaced,
}: {
  namespaced: boolean;
}): (text: string, before: readonly ApiResource[]) => ApiResource[] {
  return (text, before) => {
    const [, kind, group = '', plural] = /^([A-Z][A-Za-z0-9]*)(?:\.([a-z0-9.-]+))?=([a-z0-9.-]+)$/.exec(text) ?? [];
    if (kind === undefined || plural === undefined)
      throw new InvalidArgumentError('It is like Certificate.cert-manager.io=certificates.');
    return [...before, { group, version: '', kind, plural, namespaced }];
  };
}

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It is a whole number above 0.');
  return Number(text);
}
