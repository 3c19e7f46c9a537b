import type { Command } from 'commander';
import type { NewCustomerOptions } from '../new-customer.ts';
import { example, type Surroundings } from './verb.ts';

export function addNew(program: Command, { answer }: Pick<Surroundings, 'answer'>): void {
  const verb = program
    .command('new')
    .description("Makes files in a checkout from others that are there. Git's index and the buckets stay as they are.")
    .addHelpText('after', example('converge new customer initech --from acme-production'));
  verb
    .command('customer')
    .description(
      "The environment file of a customer, and its values files, made from another one's: the name is replaced where it stands as a word.",
    )
    .argument('<name>', 'of the new customer')
    .requiredOption('--from <environment>', "an environment of the other customer's")
    .option('--customer <name>', "the other customer's name (default: the first word of its environment's)")
    .option('--working-tree <folder>', 'the root of the checkout', '.')
    .option('--dry-run', 'shows the files, and writes none')
    .addHelpText('after', example('converge new customer initech --from acme-production --dry-run'))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { newCustomer } = await import('../new-customer.ts');
      answer(await newCustomer(process.cwd(), name, command.opts<NewCustomerOptions>()));
    });
}
