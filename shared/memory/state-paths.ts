/**
 * The objects of an environment in the state bucket. They are separate because Storage takes about one update a second
 * of each. `departed` is left of one that is no more, while a request that is late may still make an object of it, and
 * `wanted` is of the version before.
 */
export function statePaths({ repository, environment }: { repository: string; environment: string }): {
  lease: string;
  wanted: string;
  memory: string;
  departed: string;
} {
  const folder = `environments/${repository}/${environment}`;
  return {
    lease: `${folder}/lease.json`,
    wanted: `${folder}/wanted.json`,
    memory: `${folder}/memory.json`,
    departed: `${folder}/memory.departed.json`,
  };
}
