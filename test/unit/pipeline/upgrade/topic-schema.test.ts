import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';

const schema = z.object({
  fields: z.array(z.object({ name: z.string(), type: z.string(), default: z.string().optional() })),
});
/** The keys of a job as the version before sent it. */
const former = ['repository', 'environment', 'cause'];

it('the topic of jobs takes those of the version before, and its schema follows that of before', () => {
  const file = join(import.meta.dirname, '../../../../terraform/schemas/reconcile.avsc');
  const { fields } = schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  // Pub/Sub takes a revision only where either can read what the other wrote: what is not in both has a default.
  const required = fields.filter((field) => field.default === undefined).map(({ name }) => name);
  expect(required).toEqual(former);
});
