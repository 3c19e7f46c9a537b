import { type Command, Option } from 'commander';
import { parseDuration } from '../../shared/environment/duration.ts';
import { addActOptions, contextOf, duration, example, reasonOption, type Surroundings } from './verb.ts';

export function addRevert(program: Command, { open, answer }: Surroundings): void {
  addActOptions(program.command('revert'))
    .description(
      'Has the drift of one incident undone, now and once, whatever selfHeal says: what Git says of its objects comes back. ' +
        'Goes past no suspension and no freeze.',
    )
    .argument('<incident>', 'the id of an incident of drift that is open, as status and its alert show it')
    .option('-e, --environment <environment>', '<name>, or <class>/<name> (default: where the incident is open)')
    .addOption(reasonOption())
    .option('--no-wait', 'ask, and do not follow it')
    .addOption(
      new Option('--timeout <duration>', 'how long to follow it')
        .argParser(duration)
        .default(parseDuration('15m'), '15m'),
    )
    .addHelpText('after', example('converge revert d90b1100af44ad8d --reason "the test is over"'))
    .action(async (incident: string, _options: unknown, command: Command) => {
      const { askRevert } = await import('../revert.ts');
      answer(await askRevert(contextOf(command, open), incident, command.opts()));
    });
}
