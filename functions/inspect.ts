import { http } from '@google-cloud/functions-framework';
import { assertShown, shownOf } from '../shared/access/people.ts';
import { inspect } from '../shared/pipeline/inspect.ts';
import { readQuestion } from '../shared/pipeline/inspect/question.ts';
import { answeringPeople } from './delivery.ts';
import { loadConfig, now, wire } from './wiring.ts';

/**
 * `GET /v1/environments/<class>/<name>/objects` (`?tree=true`), `/diff`, `/events` (`?since=1h`), `/why`
 * (`?object=kind/name&namespace=`) and `/plan` (`?revision=`: what a commit would do): what is in the cluster of an environment, for the people of `access.people`.
 * `GET /v1/plans/<class>`: which environments of a class may be planned.
 * `GET /healthz`: whether this function can serve at all.
 */
http(
  'inspect',
  answeringPeople('inspect', async ({ method, path, query }, caller) => {
    const { repositories, limits, freeze, access } = loadConfig();
    if (path.endsWith('/healthz')) return { status: 200, body: { status: 'ok' } };
    const asked = readQuestion({ method, path, query, now: now() });
    // Before anything is read: whether there is such an environment is nobody else's business.
    assertShown({ access, caller, ...asked });
    const shownTo = (environments: readonly string[]) => shownOf({ access, caller, ...asked, environments });
    const ports = await wire('state', 'repository', 'cluster', 'renderer', 'signatures');
    return { status: 200, body: await inspect({ ...asked, repositories, limits, freeze, shownTo }, ports) };
  }),
);
