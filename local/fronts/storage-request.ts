/** An object of Cloud Storage. */
export interface ObjectName {
  readonly bucket: string;
  /** Undefined where it stands in the body alone. */
  readonly object: string | undefined;
}

/**
 * What a request of the JSON API does to objects. Whatever else there is (buckets, notifications, a further part of a
 * resumable upload) is `other`. https://docs.cloud.google.com/storage/docs/json_api/v1
 */
export type StorageRequest =
  | ({ readonly does: 'read' | 'update' | 'delete' } & ObjectName)
  | ({ readonly does: 'write' } & ObjectName & { readonly sources: readonly ObjectName[] })
  | { readonly does: 'list'; readonly bucket: string }
  | { readonly does: 'other' };

const copying = /\/b\/([^/]+)\/o\/([^/]+)\/(?:rewriteTo|copyTo)\/b\/([^/]+)\/o\/([^/]+)$/;
const composing = /\/b\/([^/]+)\/o\/([^/]+)\/compose$/;
const naming = /\/b\/([^/]+)\/o(?:\/([^/]+))?$/;

const other: StorageRequest = { does: 'other' };
const named = (bucket = '', object?: string): ObjectName => ({ bucket, object: object && decodeURIComponent(object) });

/** @param asked.path with its query */
export function storageRequestOf({ method, path }: { method: string; path: string }): StorageRequest {
  const { pathname, searchParams } = new URL(path, 'http://storage');
  const [isCopy, fromBucket, from, toBucket, to] = copying.exec(pathname) ?? [];
  if (isCopy !== undefined) return { does: 'write', ...named(toBucket, to), sources: [named(fromBucket, from)] };
  const [isComposed, composedBucket, composed] = composing.exec(pathname) ?? [];
  if (isComposed !== undefined)
    return { does: 'write', ...named(composedBucket, composed), sources: [named(composedBucket)] };
  const [isNamed, bucket, object] = naming.exec(pathname) ?? [];
  if (isNamed === undefined || bucket === undefined) return other;
  if (object === undefined) return requestOfBucket({ method, bucket, name: searchParams.get('name') ?? undefined });
  const does = doneTo[method];
  return does === undefined ? other : { does, ...named(bucket, object) };
}

const doneTo: Readonly<Record<string, 'read' | 'update' | 'delete'>> = {
  ...{ GET: 'read', HEAD: 'read' },
  ...{ PATCH: 'update', PUT: 'update' },
  DELETE: 'delete',
};

function requestOfBucket({
  method,
  bucket,
  name,
}: {
  method: string;
  bucket: string;
  name: string | undefined;
}): StorageRequest {
  if (method === 'GET') return { does: 'list', bucket };
  // What a resumable upload goes on with names its session, and not its object.
  return method === 'POST' ? { does: 'write', bucket, object: name, sources: [] } : other;
}

/** `family-state/environments/…` for what writes, changes or deletes an object, and undefined for what does neither. */
export function mutatedBy(asked: { method: string; path: string }): string | undefined {
  const request = storageRequestOf(asked);
  if (request.does === 'other' || request.does === 'list' || request.does === 'read') return undefined;
  return request.object === undefined ? undefined : `${request.bucket}/${request.object}`;
}
