/** `main@sha1:9f2c…`: a commit on a branch, as Flux writes it. */
export function revisionOf({ branch, commit }: { branch: string; commit: string }): string {
  return `${branch}@sha1:${commit}`;
}

/** `<class>/<name>`: what an environment is known by in every repository. */
export function environmentKey({ repository, environment }: { repository: string; environment: string }): string {
  return `${repository}/${environment}`;
}
