import type { Command } from 'commander';
import { contextOf, example, type Surroundings } from './verb.ts';

export function addTestSink(program: Command, { open, answer }: Surroundings): void {
  program
    .command('test-sink')
    .description(
      'Sends one test alert to a sink of the configuration, as alerts are sent, and says what it answered. ' +
        'It is marked as a test, ended at once where it would page, and nothing is remembered of it.',
    )
    .argument('<sink>', 'its name in alerts.sinks')
    .addHelpText('after', example('converge test-sink pager'))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { testSink } = await import('../test-sink.ts');
      answer(await testSink(contextOf(command, open), name));
    });
}
