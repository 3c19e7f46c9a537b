import type { World } from '../world/world.ts';

/** Moves the branch on once its head is read, and tells nobody. */
export function moveOnUnseen({ git }: World): void {
  let heads = 0;
  git.onHead = () => {
    // The first question is the claim's: a look whose commit is no longer the head begins anew.
    if ((heads += 1) === 1) return;
    git.onHead = () => {};
    git.add({ 'README.md': 'moved on' });
  };
}

/** The definition of `Widget` serves no version any more, which the instance does not know yet. */
export function serveNoWidgetsUnseen({ cluster }: World): void {
  cluster.unserved.add('CustomResourceDefinition widgets.example.com');
}

/** The same, and the instance knows it. */
export async function serveNoWidgets(world: World): Promise<void> {
  serveNoWidgetsUnseen(world);
  await world.cluster.api({ refresh: true });
}
