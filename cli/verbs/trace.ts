import { type Command, Option } from 'commander';
import { parseDuration } from '../../shared/environment/duration.ts';
import { contextOf, example, duration, type Surroundings } from './verb.ts';

export function addTrace(program: Command, { open, answer }: Surroundings): void {
  program
    .command('trace')
    .description('Shows where an object of a cluster came from: environment, revision, commits, artifacts, builds.')
    .argument('<kind/name...>', 'as kubectl takes it: deployment/web, deploy/web, deployments.apps/web, or deploy web')
    .option('-n, --namespace <namespace>', 'only there')
    .option('-e, --environment <environment>', 'only of this one')
    .addOption(
      new Option('--since <duration>', 'how far back changes are looked for')
        .argParser(duration)
        .default(parseDuration('90d'), '90d'),
    )
    .addHelpText('after', example('converge trace deployment/web -n acme'))
    .action(async (words: string[], _options: unknown, command: Command) => {
      const { showTrace } = await import('../trace.ts');
      answer(await showTrace(contextOf(command, open), words, command.opts()));
    });
}
