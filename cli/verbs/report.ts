import { type Command, Option } from 'commander';
import { contextOf, example, duration, collect, collectLabels, type Surroundings } from './verb.ts';

export function addReport(program: Command, { open, answer }: Surroundings): void {
  program
    .command('report')
    .description(
      'Shows what differs from Git now, since when and by whom, and what was healed and taken back: made now, of all ' +
        'environments or those that are chosen, and kept nowhere.',
    )
    .argument('[name]', 'a report of the configuration: its environments, against the last one that was made')
    .addOption(
      new Option('--since <duration>', 'how far back (default: 7d, or since the last one of that name)').argParser(
        duration,
      ),
    )
    .option('--class <class>', 'only of this class, * is any text; again for more', collect, [])
    .option('--environment <environment>', 'only these, <name> or <class>/<name>; again for more', collect, [])
    .option('--label <name=value>', 'only those whose files say so; again for more', collectLabels, {})
    .option('--open', 'as a page, in the browser')
    .addHelpText('after', example('converge report --since 7d --label customer=acme --open'))
    .action(async (name: string | undefined, _options: unknown, command: Command) => {
      const { showReport } = await import('../report.ts');
      answer(await showReport(contextOf(command, open), name, command.optsWithGlobals()));
    });
}
