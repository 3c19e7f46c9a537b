import type { Command } from 'commander';
import { contextOf, example, type Surroundings } from './verb.ts';

export function addDoctor(program: Command, { open, answer }: Surroundings): void {
  program
    .command('doctor')
    .description(
      'Checks what stands between here and the clusters, by asking: configuration, Git hosts, buckets, topics, clusters, ' +
        'rights, clocks, versions, the schedule and dead letters. Writes nothing.',
    )
    .option(
      '--cloud <file>',
      'also the deployed functions, against what terraform output -json printed; - is standard input',
    )
    .addHelpText('after', example('terraform output -json | converge doctor --cloud -'))
    .action(async (_options: unknown, command: Command) => {
      const { examine } = await import('../doctor.ts');
      answer(await examine(contextOf(command, open), command.opts()));
    });
}
