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
