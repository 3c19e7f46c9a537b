import type { World } from '../world/world.ts';

/** Moves the branch on once its head is read, and tells nobody. */
export function moveOnUnseen({ git }: World): void {
  git.onHead = () => {
    git.onHead = () => {};
    git.add({ 'README.md': 'moved on' });
  };
}

/** The definition of `Widget` serves no version any more, which the instance knows. */
export async function serveNoWidgets({ cluster }: World): Promise<void> {
  cluster.unserved.add('CustomResourceDefinition widgets.example.com');
  await cluster.api({ refresh: true });
}
