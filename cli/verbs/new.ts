import type { Command } from 'commander';
import type { NewCustomerOptions } from '../new-customer.ts';
import { addActOptions, contextOf, example, reasonOption, type Surroundings } from './verb.ts';

export function addNew(program: Command, { open, answer }: Surroundings): void {
  const verb = program
    .command('new')
    .description('Makes files from others that are there, in a checkout or by one commit on the branch.')
    .addHelpText('after', example('converge new customer initech --from acme-production'));
  addActOptions(verb.command('customer'))
    .description(
      "The environment file of a customer, and its values files, made from another one's: the name is replaced where it stands as a word. " +
        'Called in a checkout, it writes them there, and nothing else; elsewhere it is one commit on the branch.',
    )
    .argument('<name>', 'of the new customer')
    .requiredOption('--from <environment>', "an environment of the other customer's, <name> or <class>/<name>")
    .option('--customer <name>', "the other customer's name (default: the first word of its environment's)")
    .option(
      '--working-tree <folder>',
      'writes into this checkout, named by its root (default: the one it is called in)',
    )
    .option('--commit', 'commits on the branch, also where it is called in a checkout')
    .addOption(reasonOption())
    .addHelpText('after', example('converge new customer initech --from acme-production --dry-run'))
    .action(async (name: string, _options: unknown, command: Command) => {
      const { newCustomer } = await import('../new-customer.ts');
      const where = { folder: process.cwd(), context: () => contextOf(command, open) };
      answer(await newCustomer(where, name, command.opts<NewCustomerOptions>()));
    });
}
