import { z } from 'zod';
import { noLaterThan, parseTime } from '../base/time.ts';
import { uploadRefusedSchema, type UploadRefused } from '../events/upload-alert.ts';
import { isGeneration, isOfTools, isSameOrNewer, parseArtifactUri, type ArtifactId } from './artifact.ts';

const digits = z.string().regex(/^\d+$/);
const objectId = z.string().regex(/^[0-9a-f]{40}$/);

const entrySchema = z.object({
  name: z.string(),
  generation: digits,
  commit: objectId,
  /** When that commit was made: ISO 8601. */
  at: z.iso.datetime(),
  /** The Git object at the upload's path in that commit: a blob, or the tree of a group; null where it holds none. */
  content: objectId.nullable(),
});
export type LedgerEntry = z.infer<typeof entrySchema>;

/**
 * What is known of the objects of one bucket: for each name the newest generation that is in Git, and the generations
 * that were refused and told. One object for all names: it is written once for each commit, where a burst of a thousand
 * would write a thousand entries. It can be lost: the `Artifact:` trailers say the same, but of what made no commit. Lists, since an object may be
 * named `__proto__`.
 */
export const ledgerSchema = z.object({
  version: z.literal(1),
  copied: z.array(entrySchema),
  refused: z.array(
    z.object({
      name: z.string(),
      generation: digits,
      /** The alert that was published of it; absent where the version before refused it. */
      told: uploadRefusedSchema.optional().catch(undefined),
    }),
  ),
  /**
   * When the newest object was written that the bucket held as this ledger was begun, because there was none: ISO 8601.
   * What is not newer, and is not in it, may be in Git all the same.
   */
  begunAt: z.iso.datetime().optional(),
  /** The holder of the intake lease whose claim is over since this was written. */
  ended: z.string().optional(),
});

/** The ledger as it is worked with, by name. */
export interface Ledger {
  readonly copied: ReadonlyMap<string, LedgerEntry>;
  readonly refused: ReadonlyMap<string, string>;
  /** The alerts of these that were published. */
  readonly told?: ReadonlyMap<string, UploadRefused> | undefined;
  /** Of news: refused generations whose objects are gone, which are forgotten. */
  readonly gone?: ReadonlyMap<string, string> | undefined;
  /** As in its object. */
  readonly begunAt?: string | undefined;
  readonly ended?: string | undefined;
}

export const emptyLedger: Ledger = { copied: new Map(), refused: new Map() };

/** Where the ledger of a class is in the state bucket. */
export function ledgerPath({ repositoryClass }: { repositoryClass: string }): string {
  return `ledger/${repositoryClass}.json`;
}

/**
 * Undefined for a shape that is not known: the ledger is lost then. An entry of a generation that Storage cannot have
 * given would keep each later upload of its name out of Git: it alone is lost. What is later than the write of the ledger
 * happened then: by a later time, commits of somebody else would be passed over, and each upload would be in doubt.
 */
export function decodeLedger(value: unknown, reading?: { readonly writtenAt: Date }): Ledger | undefined {
  const parsed = ledgerSchema.safeParse(value).data;
  if (parsed === undefined) return undefined;
  const past = (time: string): string => (reading === undefined ? time : noLaterThan(reading.writtenAt, time));
  const refused = parsed.refused.filter(isGiven);
  return {
    copied: new Map(parsed.copied.filter(isGiven).map((entry) => [entry.name, { ...entry, at: past(entry.at) }])),
    refused: new Map(refused.map(({ name, generation }) => [name, generation])),
    ...withTold(new Map(refused.flatMap(({ name, told }) => (told === undefined ? [] : [[name, told]])))),
    begunAt: parsed.begunAt === undefined ? undefined : past(parsed.begunAt),
    ended: parsed.ended,
  };
}

function isGiven({ generation }: { readonly generation: string }): boolean {
  return isGeneration(generation);
}

function withTold(told: ReadonlyMap<string, UploadRefused>): Pick<Ledger, 'told'> {
  return told.size === 0 ? {} : { told };
}

export function encodeLedger({ copied, refused, told, begunAt, ended }: Ledger): z.infer<typeof ledgerSchema> {
  return {
    version: 1,
    copied: [...copied.values()],
    refused: [...refused].map(([name, generation]) => {
      const alert = told?.get(name);
      return { name, generation, ...(alert === undefined ? {} : { told: alert }) };
    }),
    ...(begunAt === undefined ? {} : { begunAt }),
    ...(ended === undefined ? {} : { ended }),
  };
}

/**
 * Both ledgers in one: of each name the newest generation. A refusal is forgotten once a newer generation is in Git, and
 * the later of two beginnings counts. An alert goes with the refusal that it tells.
 *
 * @param other the later one, which says whose lease ended last
 */
export function mergeLedgers(one: Ledger, other: Ledger): Ledger {
  const copied = new Map(one.copied);
  for (const entry of other.copied.values()) {
    const known = copied.get(entry.name);
    if (known === undefined || isSameOrNewer({ generation: entry.generation, than: known.generation }))
      copied.set(entry.name, entry);
  }
  const refused = new Map(
    [...one.refused, ...other.refused].filter(([name, generation]) => {
      const entry = copied.get(name);
      const isInGit = entry !== undefined && isSameOrNewer({ generation: entry.generation, than: generation });
      return !isInGit && other.gone?.get(name) !== generation;
    }),
  );
  const told = new Map(
    [...(one.told ?? []), ...(other.told ?? [])].filter(
      ([name, { artifact }]) => parseArtifactUri(artifact)?.generation === refused.get(name),
    ),
  );
  const [begunAt] = [one.begunAt, other.begunAt]
    .filter((time) => time !== undefined)
    .toSorted((a, b) => (a > b ? -1 : 1));
  return { copied, refused, ...withTold(told), begunAt, ended: other.ended ?? one.ended };
}

/** The entry that says that this generation of the object, or a newer one, is in Git. */
export function copyOf({
  ledger,
  artifact,
}: {
  ledger: Ledger;
  artifact: Pick<ArtifactId, 'name' | 'generation'>;
}): LedgerEntry | undefined {
  const entry = ledger.copied.get(artifact.name);
  return entry !== undefined && isSameOrNewer({ generation: entry.generation, than: artifact.generation })
    ? entry
    : undefined;
}

/** The objects of a bucket whose live generation is neither in Git nor refused. */
export function pendingOf<T extends ArtifactId & { readonly bytes: number }>({
  objects,
  ledger,
}: {
  objects: readonly T[];
  ledger: Ledger;
}): readonly T[] {
  return objects.filter(
    (artifact) =>
      !isOfTools(artifact) &&
      copyOf({ ledger, artifact }) === undefined &&
      ledger.refused.get(artifact.name) !== artifact.generation,
  );
}

/**
 * Whether an object that the ledger does not know to be in Git may be there all the same: it was uploaded before this
 * ledger was begun.
 */
export function isInDoubt({
  ledger,
  artifact,
}: {
  ledger: Ledger;
  artifact: Pick<ArtifactId, 'name' | 'generation'> & { readonly createdAt: Date };
}): boolean {
  if (ledger.begunAt === undefined || copyOf({ ledger, artifact }) !== undefined) return false;
  return artifact.createdAt.getTime() <= parseTime(ledger.begunAt);
}
