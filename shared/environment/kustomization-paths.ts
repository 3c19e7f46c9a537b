const names = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

/** Whether Kustomize reads a file as what a folder is made of. */
export function isKustomization(path: string): boolean {
  return names.includes(path.slice(path.lastIndexOf('/') + 1));
}

/**
 * What a kustomization names of the repository outside its own folder, whether or not its text can be parsed: every
 * path that goes up. `''` is the repository itself.
 */
export function pathsUpwards({ path, text }: { path: string; text: string }): string[] {
  const folder = path.split('/').slice(0, -1);
  const named = [...text.matchAll(/\.\.(?:\/[^\s"',\]}]*)?/gu)].flatMap(
    ([relative]) => joined([...folder, ...relative.split('/')]) ?? [],
  );
  return [...new Set(named)];
}

/** A path without `.` and `..`, `''` for the repository itself; undefined where it leaves the repository. */
export function joined(parts: readonly string[]): string | undefined {
  const path: string[] = [];
  for (const part of parts) {
    if (part === '' || part === '.') continue;
    if (part !== '..') path.push(part);
    else if (path.pop() === undefined) return undefined;
  }
  return path.join('/');
}
