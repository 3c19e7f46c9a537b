import { visibleText } from '../../base/visible-text.ts';
import type { Why } from '../../health/first-cause.ts';
import { isKindNamed } from '../../objects/kind-names.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { objectIdOf, objectKey, objectTitle } from '../../objects/object-id.ts';
import { openExplanations, type Explanations } from '../reconcile/observe/explain.ts';
import type { ExplainedObject, Unread } from './answers.ts';
import { readEvents, shownEvent } from './events.ts';
import type { Hides } from './hides.ts';
import { membersOf, shownObject } from './objects.ts';
import type { Inspection } from './open-inspection.ts';
import { readOwned, withOwned } from './owned.ts';

export interface AskedObject {
  /** As kubectl takes it. */
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | undefined;
}

/** Of an object, the newest of so many events are told. */
const eventsOfOne = 20;

/** An object of the environment, why it is not healthy, and its events. Where it came from is for the caller to say. */
export type Explained = Omit<ExplainedObject, 'inputs'>;

/** The objects of the environment that are called so, or that those own, as they are. */
export async function explainObjects(
  inspection: Inspection,
  { hides, ...asked }: AskedObject & { readonly hides: Hides },
): Promise<{ readonly objects: readonly Explained[]; readonly unread: readonly Unread[] }> {
  const members = membersOf(inspection);
  const owned = await readOwned(inspection, members);
  const named = withOwned(members, owned).filter((object) => isAsked(object, asked));
  const whole = new Map(named.map((object) => [object, withOwned([object], owned)]));
  const { found, unread } = await readEvents(inspection, { objects: [...whole.values()].flat(), since: undefined });
  const causes = openExplanations(inspection.target, { api: inspection.target.api, hides: hides.text });
  const objects: Explained[] = [];
  for (const object of named) {
    const row = shownObject(inspection, { object, hides });
    const cause = row.health.state === 'Healthy' ? undefined : await firstCauseOf(causes, { object, row });
    const titles = new Set((whole.get(object) ?? []).map((one) => objectTitle(objectIdOf(one))));
    const events = found.filter((event) => titles.has(event.object)).slice(-eventsOfOne);
    objects.push({
      ...row,
      ...(cause === undefined ? {} : { health: { ...row.health, message: visibleText(cause.message) } }),
      why: cause?.why === undefined ? null : readableWhy(cause.why),
      events: events.map((event) => shownEvent(event, hides)),
    });
  }
  return { objects, unread: [...owned.unread, ...unread] };
}

function isAsked(object: KubernetesObject, { kind, name, namespace }: AskedObject): boolean {
  const id = objectIdOf(object);
  return (
    isKindNamed({ written: kind, ...id }) &&
    id.name === name &&
    (namespace === undefined || (id.namespace ?? '') === namespace)
  );
}

/** As an alert tells it. */
async function firstCauseOf(
  causes: Explanations,
  { object, row }: { object: KubernetesObject; row: Pick<Explained, 'health'> },
): Promise<{ readonly message: string; readonly why?: Why } | undefined> {
  const key = objectKey(objectIdOf(object));
  await causes.renew([{ key, object }]);
  const [told] = await causes.tell([{ key, object, message: row.health.message }], undefined);
  return told;
}

function readableWhy({ event, object, container, reason, exitCode }: Why): ExplainedObject['why'] {
  return {
    object,
    ...(container === undefined ? {} : { container }),
    reason,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(event === undefined ? {} : { event: { ...event, message: visibleText(event.message) } }),
  };
}
