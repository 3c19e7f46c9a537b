/** As Helm's `lookup` takes it: an empty name asks for the list, an empty namespace for all of them. */
export interface LookupQuery {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** `v1 Secret acme/login`, as the renderer calls it. */
export function lookupTitle({ apiVersion, kind, namespace, name }: LookupQuery): string {
  return `${apiVersion} ${kind} ${[namespace, name].filter((part) => part !== '').join('/')}`.trim();
}
