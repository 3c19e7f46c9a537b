/** The group of every environment, whatever its repository. */
export const environmentGroup = 'converge:environments';

/** The Kubernetes user as which an environment acts in its cluster, where `clusters.<name>.identity` says so. */
export function environmentUser({ repository, environment }: { repository: string; environment: string }): string {
  return `converge:${repository}:${environment}`;
}
