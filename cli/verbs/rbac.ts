import type { Command } from 'commander';
import { builtInVersion } from '../../shared/rbac/known-resources.ts';
import { contextOf, example, kubernetesVersion, collectList, collectResources, type Surroundings } from './verb.ts';

export function addRbac(program: Command, { open, answer }: Surroundings): void {
  program
    .command('rbac')
    .description(
      'Prints the Kubernetes rights that an environment needs where it acts as a user of its own, for kubectl apply. ' +
        'No cluster is asked.',
    )
    .argument('<environment>', '<name>, or <class>/<name>')
    .option(
      '--converge-account <account>',
      "also lets this user act as the environment: the e-mail address of Converge's service account, that of reconcile and that of inspect, plan-change and act where they are used; again for more",
      collectList,
      [],
    )
    .option(
      '--kube-version <version>',
      'the version of the cluster, which charts may ask',
      kubernetesVersion,
      builtInVersion,
    )
    .option(
      '--api-versions <versions>',
      'what the cluster serves beside what is built in, like monitoring.coreos.com/v1; again for more',
      collectList,
      [],
    )
    .option(
      '--resource <kind.group=plural>',
      'a kind that is defined elsewhere; again for more',
      collectResources({ namespaced: true }),
      [],
    )
    .option(
      '--cluster-resource <kind.group=plural>',
      'the same for a kind without a namespace',
      collectResources({ namespaced: false }),
      [],
    )
    .addHelpText(
      'after',
      example('converge rbac acme-production --converge-account converge-reconcile@family.iam.gserviceaccount.com'),
    )
    .action(async (name: string, _options: unknown, command: Command) => {
      const { showRbac } = await import('../rbac.ts');
      answer(await showRbac(contextOf(command, open), name, command.opts()));
    });
}
