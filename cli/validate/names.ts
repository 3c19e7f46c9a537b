import { isMap } from '../../shared/objects/exact-json.ts';
import type { DesiredObject } from '../../shared/desired/desired.ts';
import { groupKind } from '../../shared/objects/object-id.ts';

/* https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and …/labels/ */
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const labelPart = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** Names that are no DNS names: roles may be called `system:…`, an address is one. */
const pathSegments = /^((Cluster)?Role(Binding)?\.rbac\.authorization\.k8s\.io|IPAddress\.networking\.k8s\.io)$/;
const labels = ['Namespace', 'Service'];
const longest: Readonly<Record<string, number>> = { 'CronJob.batch': 52, Namespace: 63, Service: 63 };

/** What the API server would refuse of an object's metadata. */
export function problemsOfNames({ id, object }: Pick<DesiredObject, 'id' | 'object'>): string[] {
  const kind = groupKind(id);
  const most = longest[kind] ?? 253;
  const isDns = labels.includes(kind) ? dnsLabel : dnsSubdomain;
  const isName = pathSegments.test(kind) ? !/[/%]|^\.\.?$/.test(id.name) : isDns.test(id.name);
  const { namespace } = id;
  return [
    ...(isName
      ? []
      : [
          `metadata.name: ${id.name} is no ${labels.includes(kind) ? 'DNS label' : 'DNS name'}: lower-case letters, digits${labels.includes(kind) ? '' : ', dots'} and dashes, with a letter or digit at both ends`,
        ]),
    ...(id.name.length > most
      ? [`metadata.name: has ${id.name.length} characters, and ${most} are allowed for ${id.kind}`]
      : []),
    ...(namespace !== undefined && (!dnsLabel.test(namespace) || namespace.length > 63)
      ? [`metadata.namespace: ${namespace} is no DNS label of 63 characters at most`]
      : []),
    ...problemsOfMap({ at: 'metadata.labels', map: object.metadata.labels, isLabel: true }),
    ...problemsOfMap({ at: 'metadata.annotations', map: object.metadata.annotations, isLabel: false }),
  ];
}

function problemsOfMap({ at, map, isLabel }: { at: string; map: unknown; isLabel: boolean }): string[] {
  if (map === undefined) return [];
  if (!isMap(map)) return [`${at}: expected a map (\`key: value\`)`];
  return Object.entries(map).flatMap(([key, value]) => {
    const slash = key.indexOf('/');
    const [prefix, name] = [key.slice(0, Math.max(0, slash)), key.slice(slash + 1)];
    const isKey =
      labelPart.test(name) &&
      name.length <= 63 &&
      (slash === -1 || (dnsSubdomain.test(isLabel ? prefix : prefix.toLowerCase()) && prefix.length <= 253));
    if (!isKey)
      return [`${at}: ${key} is no key: a name of 63 characters at most, with or without a domain and / before it`];
    if (typeof value !== 'string') return [`${at}.${key}: is no text: quote it`];
    if (isLabel && value !== '' && (!labelPart.test(value) || value.length > 63))
      return [
        `${at}.${key}: ${value} is no value of a label: 63 characters at most, letters, digits, dashes, dots and underscores`,
      ];
    return [];
  });
}
