import { type Command, InvalidArgumentError, Option } from 'commander';
import { durationPattern } from '../../shared/environment/duration.ts';
import type { ResumeOptions, SuspendOptions } from '../suspend.ts';
import { addActOptions, contextOf, example, type Surroundings } from './verb.ts';

export function addSuspend(program: Command, { open, answer }: Surroundings): void {
  addActOptions(program.command('suspend'))
    .description(
      'Leaves an environment as it is, by one commit on its branch. ' +
        'Without --for or --until: until somebody resumes it, of which you are reminded once a day.',
    )
    .argument('<environment>', '<name>, or <class>/<name>')
    .addOption(new Option('--for <duration>', 'for how long: it ends by itself').argParser(durationText))
    .option('--until <time>', 'until when, with its zone: 2026-11-30T06:00Z')
    .option('--reason <text>', 'why, wherever the suspension is shown')
    .addHelpText('after', example('converge suspend acme-production --for 2h --reason "moves to another zone"'))
    .action(async (target: string, _options: unknown, command: Command) => {
      const { suspendEnvironment } = await import('../suspend.ts');
      answer(await suspendEnvironment(contextOf(command, open), target, command.opts<SuspendOptions>()));
    });
}

export function addResume(program: Command, { open, answer }: Surroundings): void {
  addActOptions(program.command('resume'))
    .description('Ends the suspension of an environment, by one commit on its branch.')
    .argument('<environment>', '<name>, or <class>/<name>')
    .option('--reason <text>', 'for the message of the commit')
    .addHelpText('after', example('converge resume acme-production --reason "moved"'))
    .action(async (target: string, _options: unknown, command: Command) => {
      const { resumeEnvironment } = await import('../suspend.ts');
      answer(await resumeEnvironment(contextOf(command, open), target, command.opts<ResumeOptions>()));
    });
}

/** It is counted from when the commit is made. */
function durationText(text: string): string {
  if (!durationPattern.test(text)) throw new InvalidArgumentError('It is digits with ms, s, m, h or d, like 1h30m.');
  return text;
}
