import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseJson } from '../../../shared/objects/exact-json.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

/** What a real API server said before and after somebody touched an object; `record.ts` makes these files. */
export interface Recorded {
  readonly applied: KubernetesObject;
  readonly observed: KubernetesObject;
  readonly dryRun: KubernetesObject;
}

export function recorded(name: string): Recorded {
  return parseJson(readFileSync(join(import.meta.dirname, 'recorded', `${name}.json`), 'utf8')) as Recorded;
}
