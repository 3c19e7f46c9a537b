import { createHash } from 'node:crypto';

/** As Storage says it of an object: base64. */
export function md5Of(content: Uint8Array): string {
  return createHash('md5').update(content).digest('base64');
}

/** Whether an object of a bucket is what would be written: the same bytes with the same metadata. */
export function isSameUpload(
  live: { readonly md5: string | undefined; readonly metadata: Readonly<Record<string, string>> },
  { md5, metadata }: { md5: string; metadata: Readonly<Record<string, string>> },
): boolean {
  return (
    live.md5 === md5 &&
    Object.keys({ ...live.metadata, ...metadata }).every((key) => live.metadata[key] === metadata[key])
  );
}
