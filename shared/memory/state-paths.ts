/**
 * What is left of environments that are no more, while a request that is late may still make an object of theirs:
 * below this folder, by name.
 */
export function departedFolder(repository: string): string {
  return `departed/${repository}/`;
}

/**
 * The three objects of an environment in the state bucket. They are separate because Storage takes about one update a
 * second of each.
 */
export function statePaths({ repository, environment }: { repository: string; environment: string }): {
  lease: string;
  wanted: string;
  memory: string;
} {
  const folder = `environments/${repository}/${environment}`;
  return { lease: `${folder}/lease.json`, wanted: `${folder}/wanted.json`, memory: `${folder}/memory.json` };
}
