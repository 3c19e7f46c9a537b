import { ConvergeError } from '../base/errors.ts';
import { exactNumber } from './exact-json.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { groupOf } from './object-id.ts';

/**
 * The desired state of an object, cleared of what Git must not own. Applied as written,
 * an empty `caBundle` erases the injected one, `rules` beside an `aggregationRule` empties the aggregated role, a
 * `null` resets a field to its default, and `stringData` hides from every later comparison.
 */
export function normalise(object: KubernetesObject): KubernetesObject {
  const rest = withoutFields(withoutNulls(object) as KubernetesObject, ['status']);
  const metadata = withoutFields(rest.metadata, [
    'creationTimestamp',
    'generation',
    'managedFields',
    'resourceVersion',
    'uid',
  ]);
  return byKind({ ...rest, metadata });
}

function withoutFields<T extends object>(value: T, fields: readonly string[]): T {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !fields.includes(key))) as T;
}

function withoutNulls(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || exactNumber(value) !== undefined) return value;
  if (Array.isArray(value)) return value.map(withoutNulls);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, child]) => child !== null && child !== undefined)
      .map(([key, child]) => [key, withoutNulls(child)]),
  );
}

function byKind(object: KubernetesObject): KubernetesObject {
  const group = groupOf(object.apiVersion);
  switch (`${group}/${object.kind}`) {
    case '/Secret':
      return secretData(object);
    case 'rbac.authorization.k8s.io/ClusterRole':
      return object['aggregationRule'] === undefined ? object : withoutFields(object, ['rules']);
    case 'admissionregistration.k8s.io/ValidatingWebhookConfiguration':
    case 'admissionregistration.k8s.io/MutatingWebhookConfiguration':
    case 'apiregistration.k8s.io/APIService':
    case 'apiextensions.k8s.io/CustomResourceDefinition':
      return withoutEmptyCaBundle(object) as KubernetesObject;
    default:
      return object;
  }
}

function withoutEmptyCaBundle(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || exactNumber(value) !== undefined) return value;
  if (Array.isArray(value)) return value.map(withoutEmptyCaBundle);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, child]) => !(key === 'caBundle' && child === ''))
      .map(([key, child]) => [key, withoutEmptyCaBundle(child)]),
  );
}

function secretData(secret: KubernetesObject): KubernetesObject {
  const { stringData, ...rest } = secret;
  if (stringData === undefined) return secret;
  if (stringData === null || typeof stringData !== 'object') return secret;
  const encoded = Object.entries(stringData).map(([key, text]) => {
    if (typeof text !== 'string') {
      throw new ConvergeError({
        code: 'RenderFailed',
        subject: `Secret ${secret.metadata.namespace ?? ''}/${secret.metadata.name ?? ''}`,
        message: `stringData.${key} is no string`,
        remedy: 'quote the value',
        disposition: 'refuse',
      });
    }
    return [key, Buffer.from(text, 'utf8').toString('base64')];
  });
  const data = rest['data'];
  return {
    ...rest,
    data: { ...(data !== null && typeof data === 'object' ? data : {}), ...Object.fromEntries(encoded) },
  };
}
