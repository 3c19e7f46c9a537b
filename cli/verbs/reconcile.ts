import { type Command, Option } from 'commander';
import { parseDuration } from '../../shared/environment/duration.ts';
import { addActOptions, contextOf, duration, example, reasonOption, type Surroundings } from './verb.ts';

export function addReconcile(program: Command, { open, answer }: Surroundings): void {
  addActOptions(program.command('reconcile'))
    .description(
      'Has an environment looked at now, past every pause: of what failed, of a fight, and healAfter. Follows it until it ' +
        'has settled. Goes past no suspension, and past a freeze only with --override.',
    )
    .argument('<environment>', '<name>, or <class>/<name>')
    .addOption(reasonOption())
    .option('--override', 'go past the freeze that is open, once: needs --reason')
    .option('--no-wait', 'ask, and do not follow it')
    .addOption(
      new Option('--timeout <duration>', 'how long to follow it')
        .argParser(duration)
        .default(parseDuration('15m'), '15m'),
    )
    .addHelpText('after', example('converge reconcile acme-production --reason "the quota is raised"'))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { askReconcile } = await import('../reconcile.ts');
      answer(await askReconcile(contextOf(command, open), name, command.opts()));
    });
}
