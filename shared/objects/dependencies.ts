import { z } from 'zod';
import type { KubernetesObject } from './kubernetes-object.ts';
import { groupOf, objectKey } from './object-id.ts';

/*
 * What cannot do its work, or cannot even be written, before another object of the same environment is there. Only what
 * really depends is listed: what Kubernetes itself waits for and mends later (a Role of a binding, a Service of an
 * Ingress) is left to it.
 */

/** By `<group>/<kind>`: the key of the CustomResourceDefinition that defines it. */
export type Definitions = ReadonlyMap<string, string>;

const definitionSchema = z.object({ spec: z.object({ group: z.string(), names: z.object({ kind: z.string() }) }) });

/** Which kinds a set of desired objects defines. */
export function definitionsOf(
  desired: readonly { readonly key: string; readonly object: KubernetesObject }[],
): Definitions {
  return new Map(
    desired.flatMap(({ key, object }) => {
      const parsed = object.kind === 'CustomResourceDefinition' ? definitionSchema.safeParse(object).data : undefined;
      return parsed === undefined ? [] : [[`${parsed.spec.group}/${parsed.spec.names.kind}`, key] as const];
    }),
  );
}

/**
 * The keys of the objects that this one needs: its definition, its namespace, and what its pods mount or its webhooks
 * call.
 */
export function dependenciesOf({
  object,
  definitions,
}: {
  object: KubernetesObject;
  definitions: Definitions;
}): string[] {
  const { namespace } = object.metadata;
  const definition = definitions.get(`${groupOf(object.apiVersion)}/${object.kind}`);
  return [
    ...(definition === undefined ? [] : [definition]),
    ...(namespace === undefined
      ? []
      : [objectKey({ group: '', kind: 'Namespace', namespace: undefined, name: namespace })]),
    ...podNeeds(object),
    ...serviceNeeds(object),
  ];
}

const optional = z.boolean().default(false);
const named = z.object({ name: z.string(), optional }).optional();
const containerSchema = z.object({
  env: z
    .array(z.object({ valueFrom: z.object({ configMapKeyRef: named, secretKeyRef: named }).optional() }))
    .default([]),
  envFrom: z.array(z.object({ configMapRef: named, secretRef: named })).default([]),
});
const volumeSchema = z.object({
  configMap: named,
  secret: z.object({ secretName: z.string(), optional }).optional(),
  persistentVolumeClaim: z.object({ claimName: z.string() }).optional(),
});
const podSpecSchema = z.object({
  containers: z.array(containerSchema).default([]),
  initContainers: z.array(containerSchema).default([]),
  volumes: z.array(volumeSchema).default([]),
  serviceAccountName: z.string().optional(),
});
const podHolders: Readonly<Record<string, z.ZodType<{ podSpec: z.infer<typeof podSpecSchema> }>>> = {
  Pod: z.object({ spec: podSpecSchema }).transform(({ spec }) => ({ podSpec: spec })),
  CronJob: z
    .object({
      spec: z.object({ jobTemplate: z.object({ spec: z.object({ template: z.object({ spec: podSpecSchema }) }) }) }),
    })
    .transform(({ spec }) => ({ podSpec: spec.jobTemplate.spec.template.spec })),
};
const templated = z
  .object({ spec: z.object({ template: z.object({ spec: podSpecSchema }) }) })
  .transform(({ spec }) => ({ podSpec: spec.template.spec }));

/** An object that has not the shape of its kind is refused by the API server; here it needs nothing. */
function podNeeds(object: KubernetesObject): string[] {
  if (!['', 'apps', 'batch'].includes(groupOf(object.apiVersion))) return [];
  const podSpec = (podHolders[object.kind] ?? templated).safeParse(object).data?.podSpec;
  if (podSpec === undefined) return [];
  const { containers, initContainers, volumes, serviceAccountName } = podSpec;
  const references = [...containers, ...initContainers].flatMap(({ env, envFrom }) => [
    ...env.flatMap(({ valueFrom }) => [
      reference('ConfigMap', valueFrom?.configMapKeyRef),
      reference('Secret', valueFrom?.secretKeyRef),
    ]),
    ...envFrom.flatMap(({ configMapRef, secretRef }) => [
      reference('ConfigMap', configMapRef),
      reference('Secret', secretRef),
    ]),
  ]);
  const mounted = volumes.flatMap(({ configMap, secret, persistentVolumeClaim: claim }) => [
    reference('ConfigMap', configMap),
    reference('Secret', secret === undefined ? undefined : { name: secret.secretName, optional: secret.optional }),
    reference('PersistentVolumeClaim', claim === undefined ? undefined : { name: claim.claimName, optional: false }),
  ]);
  const account = reference(
    'ServiceAccount',
    serviceAccountName === undefined ? undefined : { name: serviceAccountName, optional: false },
  );
  return [...references, ...mounted, account].flatMap((needed) =>
    needed === undefined ? [] : [objectKey({ group: '', ...needed, namespace: object.metadata.namespace })],
  );
}

function reference(
  kind: string,
  target: { name: string; optional: boolean } | undefined,
): { kind: string; name: string } | undefined {
  return target === undefined || target.optional ? undefined : { kind, name: target.name };
}

const serviceSchema = z.object({ namespace: z.string(), name: z.string() });
const webhooksSchema = z.object({
  webhooks: z.array(z.object({ clientConfig: z.object({ service: serviceSchema.optional() }) })),
});
const apiServiceSchema = z.object({ spec: z.object({ service: serviceSchema.optional() }) });

/** A webhook that must be asked and cannot be refuses every write it matches. */
function serviceNeeds(object: KubernetesObject): string[] {
  const group = groupOf(object.apiVersion);
  const services =
    group === 'admissionregistration.k8s.io'
      ? (webhooksSchema.safeParse(object).data?.webhooks ?? []).map(({ clientConfig }) => clientConfig.service)
      : group === 'apiregistration.k8s.io'
        ? [apiServiceSchema.safeParse(object).data?.spec.service]
        : [];
  return services.flatMap((service) =>
    service === undefined ? [] : [objectKey({ group: '', kind: 'Service', ...service })],
  );
}
