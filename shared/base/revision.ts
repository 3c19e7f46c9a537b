/** `main@sha1:9f2c…`: a commit on a branch, as Flux writes it. */
export function revisionOf({ branch, commit }: { branch: string; commit: string }): string {
  return `${branch}@sha1:${commit}`;
}

/** Whether a text is the id of a Git object. */
export function isObjectId(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/** For people: `main@sha1:9f2c6a1b3d4e`. */
export function shortRevision(revision: string): string {
  return revision.replace(/([0-9a-f]{12})[0-9a-f]{28}$/, '$1');
}

/** The commit that a revision names; of any other text, the text. */
export function commitOf(revision: string): string {
  return /@sha1:([0-9a-f]{7,40})$/.exec(revision)?.[1] ?? revision;
}

/** `<class>/<name>`: what an environment is known by in every repository. */
export function environmentKey({ repository, environment }: { repository: string; environment: string }): string {
  return `${repository}/${environment}`;
}
