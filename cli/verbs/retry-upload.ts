import { type Command, Option } from 'commander';
import { parseDuration } from '../../shared/environment/duration.ts';
import { addActOptions, contextOf, example, duration, type Surroundings } from './verb.ts';

export function addRetryUpload(program: Command, { open, answer }: Surroundings): void {
  addActOptions(program.command('retry-upload'))
    .description(
      'Uploads an object that was refused once more, as it is in its bucket: for one that is to be in Git though it ' +
        'replaces what somebody committed (WouldOverwrite). Prints the commit that it became.',
    )
    .argument('<name>', 'the name of the object, or gs://BUCKET/NAME, with #GENERATION as its refusal has it')
    .option('--branch <branch>', "the branch of your repository, which chooses the bucket (default: the CI's)")
    .option('--class <class>', 'the repository of the configuration, whatever the branch')
    .option('--wait', 'until every environment that the commit affects has converged')
    .option('--allow-none', 'with --wait: also where the commit affects no environment')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait').argParser(duration).default(parseDuration('15m'), '15m'),
    )
    .option('--reason <text>', 'for the log of the act function')
    .addHelpText('after', example('converge retry-upload --class master --wait config/acme.yaml'))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { retryUpload } = await import('../retry-upload.ts');
      answer(await retryUpload(contextOf(command, open), name, command.opts()));
    });
}
