import type { Alert, Diff } from '../../../../shared/events/alert.ts';

const diff: Diff = {
  ...{ environment: 'acme-production', repository: 'master', cluster: 'production-eu', revision: 'main@sha1:9f2c' },
  ...{ cause: null, reason: 'Drifted', incident: '4be0d1a2c3f40516', subject: 'Deployment acme/web', occurrence: 1 },
  ...{ since: '2026-11-21T01:02:03.000Z', action: 'none', summary: 'Deployment acme/web: image differs' },
  ...{ objects: [], omitted: 0, rollback: null, policy: null },
};

export function opened(of: Partial<Diff> = {}): Alert {
  return { topic: 'diff', data: { ...diff, ...of } };
}

export const closed: Alert = {
  topic: 'converged',
  data: {
    ...{ environment: 'acme-production', repository: 'master', cluster: 'production-eu', revision: 'main@sha1:9f2c' },
    ...{ incident: diff.incident, occurrence: 1, since: diff.since, cause: null, seconds: 4.2, policy: null },
    changes: { created: 0, configured: 1, unchanged: 40, pruned: 0 },
  },
};

/** A revision that converged, and ends nothing. */
export const news: Alert = {
  topic: 'converged',
  data: { ...closed.data, incident: null, occurrence: null, since: null },
};

/** Names that somebody chose to be read as markup, a mention or a colour. */
export const hostile = opened({
  environment: 'acme\u001b[31m',
  summary: '<!channel> <users/all> @channel <script>alert(1)</script> [click](https://evil.example.com) *bold* & "q"',
});
