import { z } from 'zod';

const fieldDiffSchema = z.object({
  /** JSON pointer; an item of a keyed list is selected by its keys: `/spec/containers[name=web]/image`. */
  path: z.string(),
  desired: z.json().optional(),
  observed: z.json().optional(),
  /** Who changed it, and the time of that manager's last write; absent where they can't be known. */
  manager: z.string().optional(),
  changedBefore: z.string().optional(),
  /** Of which of the two values not all is here: a text with its length at the end, or nothing. */
  omitted: z.array(z.enum(['desired', 'observed'])).optional(),
});

/** What an object that is not healthy is not healthy for; see `health/first-cause.ts`. */
const whySchema = z.object({
  /** Title of the object that it is of: `Pod acme/web-7c9d-x2`. */
  object: z.string(),
  container: z.string().optional(),
  /** In the word of who says it: `OOMKilled`, `ErrImagePull`, `Unschedulable`, `FailedCreate`, `FailedMount`. */
  reason: z.string(),
  exitCode: z.int().optional(),
  /** The Warning event that the cluster repeats, and when it was seen last, by its clock (ISO 8601). */
  event: z
    .object({
      object: z.string(),
      reason: z.string(),
      message: z.string(),
      count: z.int().positive(),
      last: z.string(),
    })
    .optional(),
});

const changedFieldSchema = z.object({
  path: z.string(),
  /** Absent where that revision says nothing of the field. */
  before: z.json().optional(),
  after: z.json().optional(),
  /** Of which of the two not all is here. */
  omitted: z.array(z.enum(['before', 'after'])).optional(),
});

/** What Git changed for an object since the environment converged last. */
const changedSchema = z.object({
  /** The revision that converged last. */
  since: z.string(),
  /** Which of the paths that it is made of changed; a folder where something below it did. Empty: none. */
  inputs: z.array(z.string()),
  /** How many further paths changed. */
  omittedInputs: z.int().positive().optional(),
  /** That revision had no such object. */
  added: z.literal(true).optional(),
  /** Absent where they are not known: the render of that revision is not kept. Empty: none. */
  fields: z.array(changedFieldSchema).optional(),
  /** How many further fields changed. */
  omittedFields: z.int().positive().optional(),
});

/** Of an object that is left alone, by whom and until when; see `ownership/suspended-object.ts`. */
const suspendedSchema = z.object({
  /** Where that is said. */
  in: z.enum(['cluster', 'Git']),
  /** The manager that wrote the annotation, and the time of its last write; absent where they can't be known. */
  by: z.string().optional(),
  changedBefore: z.string().optional(),
  /** ISO 8601; absent: it has no end. */
  until: z.string().optional(),
});

export const objectDiffSchema = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
  change: z.enum([
    'modified',
    'missing',
    'unexpected',
    'unhealthy',
    'failed',
    'mutated',
    'co-owned',
    'taken-over',
    'misannotated',
  ]),
  message: z.string(),
  /**
   * The file in Git that it is made of: a manifest, the template of a chart, a kustomization. Absent where Git has
   * none, and where what is there was looked at without a render.
   */
  source: z.string().optional(),
  /** At which line (from 1) of that file it begins; only of plain YAML, where one document is it. */
  line: z.int().positive().optional(),
  /** The first cause; only of what is not healthy, where one thing can be named. */
  why: whySchema.optional(),
  /** Only of what is not healthy or was refused, where the environment converged before with other inputs. */
  changed: changedSchema.optional(),
  /** Where the object is left alone: nothing is done about it until that ends. */
  suspended: suspendedSchema.optional(),
  fields: z.array(fieldDiffSchema),
  /** How many further fields differ, beyond the ones listed. */
  omittedFields: z.number().int().positive().optional(),
});

export type FieldDiff = z.infer<typeof fieldDiffSchema>;
export type ObjectDiff = z.infer<typeof objectDiffSchema>;

/** What differs, without its values: one text for each object and field, sorted. */
export function differingPaths(objects: readonly ObjectDiff[]): string[] {
  return objects
    .flatMap(({ kind, namespace, name, change, fields }) => {
      const object = `${kind} ${namespace ?? ''}/${name} ${change}`;
      return fields.length === 0 ? [object] : fields.map((field) => `${object} ${field.path}`);
    })
    .sort();
}
