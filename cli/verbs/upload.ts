import { type Command, Option } from 'commander';
import { parseDuration } from '../../shared/environment/duration.ts';
import { contextOf, example, duration, type Surroundings } from './verb.ts';

export function addUpload(program: Command, { open, answer }: Surroundings): void {
  program
    .command('upload')
    .description('Uploads a folder as one atomic group, or files as they are, and prints the commit that they became.')
    .argument('<path...>', 'one folder, or files')
    .option('--branch <branch>', "the branch of your repository, which chooses the bucket (default: the CI's)")
    .option('--class <class>', 'the repository of the configuration, whatever the branch')
    .option('--as <path>', 'the path in the repository (default: the path itself)')
    .option('--wait', 'until every environment that the commit affects has converged')
    .option('--allow-none', 'with --wait: also where the commit affects no environment')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait').argParser(duration).default(parseDuration('15m'), '15m'),
    )
    .option('--commit <id>', "the source commit (default: the CI's)")
    .option('--build <url>', "the build (default: the CI's)")
    .option('--author <who>', "the author (default: the CI's)")
    .addHelpText('after', example('converge upload --branch "$BRANCH_NAME" --wait ./deploy'))
    .action(async (paths: string[], _options: unknown, command: Command) => {
      const { upload } = await import('../upload.ts');
      answer(await upload(contextOf(command, open), paths, command.opts()));
    });
}
