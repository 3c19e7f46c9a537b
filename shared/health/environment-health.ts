import { objectTitle, type ObjectId } from '../objects/object-id.ts';
import type { Bearing } from './bearing.ts';
import { progressing, worstHealth, type Health, type HealthState } from './health.ts';

export interface JudgedObject {
  readonly id: ObjectId;
  readonly health: Health;
  readonly bearing: Bearing;
}

/** How an environment is by its objects. */
export interface EnvironmentHealth {
  readonly state: HealthState;
  /**
   * What is not as it should be and holds nobody, for people; undefined where there is no such object, or another one
   * is waited for.
   */
  readonly unawaited: string | undefined;
}

/** The worst of its objects, where what holds no roll-out is on its way at the worst: no person has to act. */
export function environmentHealth(objects: readonly JudgedObject[]): EnvironmentHealth {
  const unheld = objects.filter(({ bearing }) => bearing === 'shown' || bearing === 'late');
  const shown = objects.map((judged) =>
    unheld.includes(judged) && judged.health.state === 'Degraded' ? progressing(judged.health.message) : judged.health,
  );
  const isHeld = objects.some(({ bearing }) => bearing === 'awaited' || bearing === 'failing');
  return {
    state: worstHealth(shown).state,
    unawaited: isHeld || unheld.length === 0 ? undefined : describeObjects(unheld),
  };
}

/** `Deployment acme/web: 1 of 3 ready, and 2 more objects` */
export function describeObjects([first, ...others]: readonly Pick<JudgedObject, 'id' | 'health'>[]): string {
  if (first === undefined) return '';
  const more = others.length === 0 ? '' : `, and ${others.length} more object${others.length === 1 ? '' : 's'}`;
  return `${objectTitle(first.id)}: ${first.health.message}${more}`;
}
