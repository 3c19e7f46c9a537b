import { z } from 'zod';
import type { Observed, World } from './world.ts';

const managedSchema = z.object({
  metadata: z.object({
    managedFields: z.array(
      z.object({ manager: z.string(), operation: z.string(), subresource: z.string().optional() }),
    ),
  }),
});

/** What the API server says of an object. */
export interface ObjectsOfWorld {
  /** Throws where the object is not there. */
  get(this: void, kind: string, name: string, namespace: string): Promise<Observed>;
  /** Undefined where the object is not there. */
  uidOf(this: void, kind: string, name: string, namespace?: string): Promise<string | undefined>;
  /** Who manages fields of it, but those of a subresource, in the order of their names. */
  managersOf(this: void, kind: string, name: string, namespace: string): Promise<string[]>;
  /** The same with what each of them did: `converge Apply`. */
  operationsOf(this: void, kind: string, name: string, namespace: string): Promise<string[]>;
}

/** `world` is called at each look: a test's world starts after its module is read. */
export function objectsOf(world: () => World): ObjectsOfWorld {
  async function managed(kind: string, name: string, namespace: string) {
    const form = ['--show-managed-fields', '--output', 'json'];
    const text = await world().kubectl('get', kind, name, '--namespace', namespace, ...form);
    const { managedFields } = managedSchema.parse(JSON.parse(text)).metadata;
    return managedFields.filter(({ subresource }) => subresource === undefined);
  }
  return {
    async get(kind, name, namespace) {
      const found = await world().find(kind, name, namespace);
      if (found === undefined) throw new Error(`${kind} ${namespace}/${name} is not there`);
      return found;
    },
    uidOf: async (kind, name, namespace) => (await world().find(kind, name, namespace))?.metadata.uid,
    managersOf: async (...object) => (await managed(...object)).map(({ manager }) => manager).sort(),
    operationsOf: async (...object) =>
      (await managed(...object)).map(({ manager, operation }) => `${manager} ${operation}`).sort(),
  };
}
