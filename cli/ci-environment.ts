/** What a CI says of the build that runs, in the variables that it sets. */
export interface Build {
  readonly ci: 'Jenkins' | 'GitHub Actions' | 'GitLab CI' | 'Cloud Build' | undefined;
  /** Undefined for tags and pull requests: what is not on a branch is not uploaded by itself. */
  readonly branch: string | undefined;
  /** Of the team's own repository. */
  readonly commit: string | undefined;
  readonly build: string | undefined;
  readonly author: string | undefined;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Jenkins: https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables, the Git and Branch API
 * plugins; GitHub: https://docs.github.com/en/actions/reference/workflows-and-actions/variables; GitLab:
 * https://docs.gitlab.com/ci/variables/predefined_variables/; Cloud Build:
 * https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values (its substitutions, passed on as
 * `env`).
 */
export function readBuild(variables: Variables): Build {
  const of = (name: string): string | undefined => (variables[name] === '' ? undefined : variables[name]);
  if (of('GITHUB_ACTIONS') === 'true') {
    const [server, repository, run, attempt] = [
      of('GITHUB_SERVER_URL'),
      of('GITHUB_REPOSITORY'),
      of('GITHUB_RUN_ID'),
      of('GITHUB_RUN_ATTEMPT'),
    ];
    const build =
      run === undefined
        ? undefined
        : `${server}/${repository}/actions/runs/${run}${attempt === undefined ? '' : `/attempts/${attempt}`}`;
    // Never the head of a pull request: a fork may call its branch `main`.
    const branch = of('GITHUB_REF')?.startsWith('refs/heads/') === true ? of('GITHUB_REF') : undefined;
    return {
      ci: 'GitHub Actions',
      branch,
      commit: of('GITHUB_SHA'),
      build,
      author: of('GITHUB_TRIGGERING_ACTOR') ?? of('GITHUB_ACTOR'),
    };
  }
  if (of('GITLAB_CI') !== undefined) {
    return {
      ci: 'GitLab CI',
      branch: of('CI_COMMIT_BRANCH'),
      commit: of('CI_COMMIT_SHA'),
      build: of('CI_JOB_URL'),
      author: of('CI_COMMIT_AUTHOR'),
    };
  }
  if (of('JENKINS_URL') !== undefined) {
    const person = of('CHANGE_AUTHOR_DISPLAY_NAME') ?? of('CHANGE_AUTHOR') ?? of('GIT_AUTHOR_NAME') ?? of('BUILD_USER');
    const email = of('CHANGE_AUTHOR_EMAIL') ?? of('GIT_AUTHOR_EMAIL');
    const author = person !== undefined && email !== undefined ? `${person} <${email}>` : (person ?? email);
    return {
      ci: 'Jenkins',
      branch: of('BRANCH_NAME') ?? of('GIT_BRANCH'),
      commit: of('GIT_COMMIT'),
      build: of('BUILD_URL'),
      author,
    };
  }
  const [project, id, location] = [of('PROJECT_ID'), of('BUILD_ID'), of('LOCATION')];
  if (project !== undefined && id !== undefined) {
    const region = location === undefined ? '' : `;region=${location}`;
    const build = `https://console.cloud.google.com/cloud-build/builds${region}/${id}?project=${project}`;
    return { ci: 'Cloud Build', branch: of('BRANCH_NAME'), commit: of('COMMIT_SHA'), build, author: undefined };
  }
  return {
    ci: undefined,
    branch: of('BRANCH_NAME'),
    commit: of('GIT_COMMIT'),
    build: of('BUILD_URL'),
    author: undefined,
  };
}
