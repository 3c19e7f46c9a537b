/**
 * What the keys of published schemas mean, where their own schema does not say it: for whoever writes a reader, or has
 * its editor show it. docs/contracts.md says more.
 */
export const keyDescriptions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  diff: {
    environment: 'The name of the environment; `repository` is its class',
    repository: 'The class of the repository that declares it',
    cluster: 'Where it is, by the name of the configuration; empty where that is not known',
    revision: 'Which was looked at: `<branch>@sha1:<commit>`',
    cause: 'The last commit that changed what the environment is made of; null: not known',
    reason: 'Why it differs',
    incident: 'The same for all alerts of one divergence, and in the `converged` that ends it',
    subject: 'The object that the incident is of; empty: the environment as a whole; null: not told',
    since: 'When it was first seen: ISO 8601',
    occurrence: 'How often it came, each time soon after its last end',
    action: 'Whether it was healed, is being healed, or is left as it is',
    summary: 'What differs, in a sentence',
    objects: 'What differs, object by object; values of secrets are hidden',
    omitted: 'How many more objects differ',
    rollback: 'What took back the revision that failed; null: nothing did',
    labels: "What the environment's file says of it, for whoever chooses by it",
    policy: 'What the file leaves undone on purpose; null: not known',
  },
  converged: {
    environment: 'The name of the environment; `repository` is its class',
    repository: 'The class of the repository that declares it',
    cluster: 'Where it is, by the name of the configuration',
    revision: 'At which all of it is there and healthy: `<branch>@sha1:<commit>`',
    cause: 'The last commit that changed what the environment is made of; null: not known',
    incident: 'Which this ends; null: none',
    occurrence: 'Of the incident that this ends; null: none',
    since: 'When that began: ISO 8601; null: none, or not told',
    seconds: 'How long the run took that ended it',
    changes: 'What was done to its objects since the revision was begun',
    labels: "What the environment's file says of it, for whoever chooses by it",
    policy: 'What the file leaves undone on purpose; null: not known',
  },
  'dead-letter': {
    stage: 'The function that refused it',
    reason: 'The code of the error',
    message: 'What happened, in a sentence',
    subject: 'The object involved',
    sinks: 'Of an alert: who refused it, and is sent it again; absent: all',
    event: 'What was refused, as it came',
  },
  status: {
    environments: 'Every environment that is declared or remembered',
    unreadable: 'Repositories that could not be read: their environments are not known, and not gone',
  },
  'commit-status': {
    repository: 'The class of the repository',
    commit: 'Which was asked for',
    environments: 'Those whose inputs it changed',
  },
};
