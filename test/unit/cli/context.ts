import type { Context } from '../../../cli/context.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import type { World } from '../pipeline/reconcile/world/world.ts';

const config = parseConfig({
  file: 'converge.yaml',
  text: `project: family
state: { bucket: family-state }
repositories:
  master: { url: https://git.example.com/family/master.git, bucket: family-master }
clusters: {}
`,
});
const unused = async (): Promise<never> => {
  throw new Error('nobody asks for such a thing');
};

/** What a command works on that asks Git and the state of a world, and nothing else. */
export function contextOf({ ports, git }: World, environment: Context['environment'] = {}): Context {
  const repository = { ...git, fetchRef: async () => undefined };
  const open = {
    ...{ uploads: unused, buckets: unused, topics: unused, deadLetters: unused, renderer: unused },
    state: async () => ports.state,
    repository: async () => () => repository,
  };
  return {
    ...{ ports, config, open, statusUrl: undefined, pubsub: undefined },
    ...{ environment, folder: '/', progress: () => {} },
  };
}
