import type { ActionScope } from '../../access/judge-action.ts';
import { ConvergeError } from '../../base/errors.ts';

interface Facts {
  readonly subject: string;
  readonly message: string;
  readonly remedy: string;
}

/** Why who asks may not act there; undefined: they may. */
export type Refusal = (scope: ActionScope) => ConvergeError | undefined;

/** What is asked for cannot be done as things are. */
export function actionRefused(facts: Facts): ConvergeError {
  return new ConvergeError({ ...facts, code: 'ActionRefused', disposition: 'refuse' });
}

/** Somebody else did something to the same at this moment. */
export function actionConflict(facts: Facts): ConvergeError {
  return new ConvergeError({ ...facts, code: 'ActionConflict', disposition: 'refuse' });
}
