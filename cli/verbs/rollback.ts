import type { Command } from 'commander';
import { addActOptions, contextOf, example, type Surroundings } from './verb.ts';

export function addRollback(program: Command, { open, answer }: Surroundings): void {
  addActOptions(program.command('rollback'))
    .description(
      'Takes an environment, or a whole repository, back by one commit on its branch. ' +
        'Without --to or --incident: to what converged before.',
    )
    .argument('<environment|repository>', "<name>, <class>/<name>, or a repository's class")
    .option('--to <revision>', "a revision, or a commit's id")
    .option('--incident <id>', 'to what converged before this incident of the environment')
    .option('--reason <text>', 'for the message of the commit')
    .option('--include-shared', 'also what other environments are made of, too, and environments that were added since')
    .addHelpText('after', example('converge rollback acme-production --reason "checkout fails"'))
    .action(async (target: string, _options: unknown, command: Command) => {
      const { rollBack } = await import('../rollback.ts');
      answer(await rollBack(contextOf(command, open), target, command.opts()));
    });
}
