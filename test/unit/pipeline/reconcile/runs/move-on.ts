import type { World } from '../world/world.ts';

/** Moves the branch on once its head is read, and tells nobody. */
export function moveOnUnseen({ git }: World): void {
  git.onHead = () => {
    git.onHead = () => {};
    git.add({ 'README.md': 'moved on' });
  };
}
