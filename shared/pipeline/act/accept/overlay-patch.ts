import { joined } from '../../../environment/kustomization-paths.ts';
import { isMap } from '../../../objects/exact-json.ts';
import { readDocuments, writeDocument } from '../../../yaml/read-documents.ts';
import type { DriftedObject } from './observed-drift.ts';
import { edited, editTo, type FieldEdit } from './field-edit.ts';
import { guesses, scalarsOf } from './scalars.ts';

/** Edits of the files of an overlay; of one that is not there yet, its text. */
export interface OverlayEdits {
  readonly edits: readonly { readonly file: string; readonly document: number; readonly edits: readonly FieldEdit[] }[];
  readonly added: readonly { readonly file: string; readonly text: string }[];
}

export interface Overlay {
  /** The file of the kustomization, from the repository's root, and what it says. */
  readonly file: string;
  readonly kustomization: Readonly<Record<string, unknown>>;
  /** The text of a file by its path from the repository's root; undefined where none is. */
  readonly textOf: (path: string) => string | undefined;
}

/**
 * The edits of an overlay by which it may come to render what was observed of an object, the best first: a patch of it that is there
 * is gone on with, a new one is added, or what the kustomization itself sets (replicas, images) is changed. Which of them do,
 * only a render tells: what comes after a patch may undo it.
 *
 * @param apiVersion as it is rendered
 */
export function overlayEdits(
  overlay: Overlay,
  { drifted, apiVersion }: { drifted: DriftedObject; apiVersion: string },
): readonly OverlayEdits[] {
  const names = namesIn(overlay.kustomization, drifted.id.name);
  return [
    ...(drifted.drift === 'gone' ? [] : existingPatches(overlay, { drifted, names })),
    ...names.flatMap((name) => newPatch(overlay, { drifted, apiVersion, name })),
    ...(drifted.drift === 'gone' ? [] : settings(overlay, drifted)),
  ];
}

/** What a patch calls the object: its name without what the overlay itself puts around it, or as it is. */
function namesIn({ namePrefix, nameSuffix }: Overlay['kustomization'], name: string): readonly string[] {
  const prefix = typeof namePrefix === 'string' ? namePrefix : '';
  const suffix = typeof nameSuffix === 'string' ? nameSuffix : '';
  const isAround = name.startsWith(prefix) && name.endsWith(suffix) && name.length > prefix.length + suffix.length;
  return [...new Set([isAround ? name.slice(prefix.length, name.length - suffix.length) : name, name])];
}

type Asked = { readonly drifted: DriftedObject; readonly names: readonly string[] };

/** The files that are strategic merge patches of this object. */
function existingPatches(overlay: Overlay, { drifted, names }: Asked): readonly OverlayEdits[] {
  return patchFiles(overlay).flatMap((file): OverlayEdits[] => {
    const text = overlay.textOf(file);
    if (text === undefined) return [];
    return (readDocuments(text) ?? []).flatMap((value, document): OverlayEdits[] => {
      const isOfIt = isMap(value) && value['kind'] === drifted.id.kind && isNamed(value['metadata'], names);
      const edits = isOfIt ? patchEdits(value, drifted) : undefined;
      return edits === undefined ? [] : [{ edits: [{ file, document, edits }], added: [] }];
    });
  });
}

/** A path that a kustomization says, from the repository's root; undefined for one that leaves it. */
function beside(file: string, path: string): string | undefined {
  return joined([...file.split('/').slice(0, -1), ...path.split('/')]);
}

/** The files that a kustomization names as patches: what `textOf` is asked for. */
export function patchFiles({ file, kustomization }: Pick<Overlay, 'file' | 'kustomization'>): readonly string[] {
  const named = [
    ...entriesOf(kustomization['patches']).flatMap((entry) => (isMap(entry) ? [entry['path']] : [])),
    ...entriesOf(kustomization['patchesStrategicMerge']),
  ];
  return named.flatMap((path) => (typeof path === 'string' ? (beside(file, path) ?? []) : []));
}

function isNamed(metadata: unknown, names: readonly string[]): boolean {
  return isMap(metadata) && typeof metadata['name'] === 'string' && names.includes(metadata['name']);
}

/** Undefined where one of the fields cannot be said by a patch. */
function patchEdits(patch: unknown, { fields }: DriftedObject): readonly FieldEdit[] | undefined {
  const edits: FieldEdit[] = [];
  let value = patch;
  for (const field of fields) {
    const edit = editTo(value, field, 'patch');
    if (edit === undefined) return undefined;
    if (edit === 'nothing') continue;
    edits.push(edit);
    value = edited(value, edit);
  }
  return edits;
}

function newPatch(
  { file: of, kustomization }: Overlay,
  { drifted, apiVersion, name }: { drifted: DriftedObject; apiVersion: string; name: string },
): readonly OverlayEdits[] {
  const { kind, group } = drifted.id;
  const own = `accepted-${kind.toLowerCase()}-${name.replaceAll(/[^a-z0-9.-]/g, '-')}.yaml`;
  const file = beside(of, own);
  if (file === undefined) return [];
  const begun = { apiVersion, kind, metadata: { name } };
  const patch =
    drifted.drift === 'gone' ? { $patch: 'delete', ...begun } : withEdits(begun, patchEdits(begun, drifted));
  if (patch === undefined) return [];
  const entry = { path: own, target: { ...(group === '' ? {} : { group }), kind, name } };
  const list = kustomization['patches'];
  const edit: FieldEdit = Array.isArray(list)
    ? { path: ['patches', list.length], value: entry }
    : { path: ['patches'], value: [entry] };
  return [{ edits: [{ file: of, document: 0, edits: [edit] }], added: [{ file, text: writeDocument(patch) }] }];
}

function withEdits(value: unknown, edits: readonly FieldEdit[] | undefined): unknown {
  return edits?.reduce(edited, value);
}

/** What a kustomization sets itself, and after all patches. */
const setLast = ['replicas', 'images'];

function settings({ file, kustomization }: Overlay, { fields }: DriftedObject): readonly OverlayEdits[] {
  const [field, ...others] = fields;
  if (field === undefined || others.length > 0) return [];
  const scalars = setLast.flatMap((key) => scalarsOf(kustomization[key], [key]));
  return guesses(scalars, field).map((edit) => ({ edits: [{ file, document: 0, edits: [edit] }], added: [] }));
}

function entriesOf(list: unknown): readonly unknown[] {
  return Array.isArray(list) ? list : [];
}
