import { type Command, Option } from 'commander';
import { addActOptions, contextOf, example, duration, type Surroundings } from './verb.ts';

export function addAcknowledge(program: Command, { open, answer }: Surroundings): void {
  addActOptions(program.command('acknowledge'))
    .description(
      'Says that you take care of what is open: it is not told again until it ends, or the time is over. ' +
        'Of an environment: all that is open there.',
    )
    .argument(
      '<environment|incident>',
      '<name>, <class>/<name>, or the id of an incident or the name of a refused upload, as status shows them',
    )
    .addOption(new Option('--for <duration>', 'for how long (default: until it ends)').argParser(duration))
    .option('--reason <text>', 'for whoever reads it')
    .option('--comment <text>', 'the same')
    .option('--undo', 'you take care of it no more')
    .addHelpText('after', example('converge acknowledge acme-production --for 8h --reason "the image is being built"'))
    .action(async (target: string, _options: unknown, command: Command) => {
      const { acknowledge } = await import('../acknowledge.ts');
      answer(await acknowledge(contextOf(command, open), target, command.opts()));
    });
}
