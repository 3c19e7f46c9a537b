import { z } from 'zod';
import { parseTime } from '../base/time.ts';
import type { Memory } from './memory.ts';

/**
 * What only the cluster knows of an environment, for reports: what is in its namespaces and is declared by nobody, and
 * which API versions of its objects are to go. Looked for once a day, and cut.
 */
export const surveySchema = z.object({
  /** When: ISO 8601. */
  at: z.string(),
  /** Of the API server, like `v1.36.3`. */
  version: z.string(),
  /** By namespace and kind (`Deployment.apps`), the names of the first of what nobody declares. */
  undeclared: z.array(
    z.object({ namespace: z.string(), kind: z.string(), count: z.int(), names: z.array(z.string()) }),
  ),
  /** How many objects of other kinds there are that nobody declares. */
  more: z.int(),
  /** Kinds of which some could not be listed, or may not. */
  unlisted: z.array(z.string()),
  /** By API version and kind of its objects, what the API server says of it. */
  deprecated: z.array(
    z.object({
      apiVersion: z.string(),
      kind: z.string(),
      removedIn: z.string().nullable(),
      use: z.string().nullable(),
      message: z.string(),
    }),
  ),
});
export type Survey = Readonly<z.infer<typeof surveySchema>>;

/** A little less than a day, so that a check which comes each few minutes does not drift through it. Milliseconds. */
const surveysApart = 23.5 * 3_600_000;

/** Whether it is time to look anew, `now` in milliseconds since 1970: also where the last look is of the future. */
export function isSurveyDue({ survey }: Pick<Memory, 'survey'>, now: number): boolean {
  if (survey === undefined) return true;
  const age = now - parseTime(survey.at);
  return !(age >= 0 && age < surveysApart);
}
