import { ConvergeError } from '../../../base/errors.ts';
import { environmentPath, type Environment, type EnvironmentSource } from '../../../environment/environment-file.ts';
import { problemOfIgnoredPath } from '../../../environment/ignore-rule.ts';
import { isMap } from '../../../objects/exact-json.ts';
import { objectKey } from '../../../objects/object-id.ts';
import { editText } from './edit-text.ts';
import { readDocuments } from '../../../yaml/read-documents.ts';
import { valuesEdits, type ValuesFile } from './chart-values.ts';
import { placeOf } from './documents.ts';
import { isOnTheWay, isSame, unexpectedKeys, withObserved, type Rendered } from './expected.ts';
import { edited, editTo, type FieldEdit, type ObservedField } from './field-edit.ts';
import { ignoreEdits } from './ignore-fields.ts';
import { acceptRefused, type DriftedObject } from './observed-drift.ts';
import { overlayEdits, patchFiles, type OverlayEdits } from './overlay-patch.ts';
import { withoutDocument } from './without-document.ts';

/** The texts of files that change, by their paths; undefined: the file goes. */
export type Changes = ReadonlyMap<string, string | undefined>;

/** What an environment renders to, and the file that each object is made of. */
export interface RenderedTree {
  readonly objects: Rendered;
  readonly sources: ReadonlyMap<string, string>;
}

/** The files of a commit, and what they render to with some of them changed. */
export interface EditedTree {
  /** Undefined where there is no such file. */
  readonly read: (path: string) => Promise<string | undefined>;
  /** Throws as `renderManifests` does. */
  readonly render: (changes: Changes) => Promise<RenderedTree>;
  /** Whether other environments are made of the file, too. */
  readonly isShared: (path: string) => boolean;
}

/** How Git comes to say what was observed of an object. */
export interface AcceptedObject {
  readonly object: string;
  readonly how: 'manifest' | 'patch' | 'values' | 'ignored';
  readonly file: string;
  /** Paths of the fields; empty: the object as a whole, which somebody deleted. */
  readonly fields: readonly string[];
}

export interface Acceptance {
  readonly changes: Changes;
  readonly objects: readonly AcceptedObject[];
}

/** How far it is. */
interface Step {
  changes: Map<string, string | undefined>;
  rendered: Rendered;
  readonly accepted: AcceptedObject[];
}

interface Found {
  readonly drifted: DriftedObject;
  readonly key: string;
  readonly source: string;
  readonly apiVersion: string;
}

/**
 * The edits by which an environment comes to say what was observed of some of its objects, each tried by a render: it changes
 * that, and nothing else of the environment.
 *
 * Throws `AcceptRefused` (refuse) with the object for which there are none, and as `tree.render` does.
 */
export async function planAcceptance(
  drifted: readonly DriftedObject[],
  { environment, tree }: { environment: Environment; tree: EditedTree },
): Promise<Acceptance> {
  const { objects, sources } = await tree.render(new Map());
  const found = drifted.map((one): Found => {
    const key = objectKey(one.id);
    const [object, source] = [objects.get(key), sources.get(key)];
    if (object === undefined || source === undefined)
      throw acceptRefused({ subject: one.title, message: 'is made of no file at the head of the branch' });
    return { drifted: one, key, source, apiVersion: object.apiVersion };
  });
  const expected = expectedOf(objects, found);
  const step: Step = { changes: new Map(), rendered: objects, accepted: [] };
  for (const one of found) {
    const ofIt = environment.sources.filter((source) => isMadeBy(source, one.source));
    const [kind] = ofIt.map((source) => source.kind);
    if (kind === 'manifests') await editManifest(one, { step, environment, tree });
    else if (kind === 'kustomize') await patchOverlay(one, { step, sources: ofIt, expected, tree });
    else if (kind === 'helm') await changeValues(one, { step, sources: ofIt, expected, environment, tree });
    else
      throw acceptRefused({
        subject: one.drifted.title,
        message: `is made of ${one.source}, of no source that is known`,
      });
  }
  const { objects: last } = await tree.render(step.changes);
  const [wrong] = unexpectedKeys({ rendered: last, expected });
  if (wrong !== undefined) {
    const title = found.find(({ key }) => key === wrong)?.drifted.title ?? wrong;
    throw acceptRefused({
      subject: title,
      message:
        'would not become what was observed by an edit of the files that it is made of, or another object would change with it',
      remedy: 'edit the files yourself; nothing was pushed',
    });
  }
  return { changes: step.changes, objects: step.accepted };
}

function expectedOf(
  rendered: Rendered,
  found: readonly Found[],
): Map<string, NonNullable<ReturnType<Rendered['get']>>> {
  const expected = new Map(rendered);
  for (const { drifted, key } of found) {
    const object = rendered.get(key);
    const made = object === undefined ? undefined : withObserved(object, drifted.fields);
    if (drifted.drift === 'gone') expected.delete(key);
    else if (made !== undefined) expected.set(key, made);
    else throw cannotBeSaid(drifted);
  }
  return expected;
}

function cannotBeSaid({ title }: DriftedObject, file?: string): ConvergeError {
  const where = file === undefined ? '' : ` of ${file}`;
  return acceptRefused({
    subject: title,
    message: `has no place${where} in which one of the fields could be said`,
    remedy: 'edit the files yourself; nothing was pushed',
  });
}

function isMadeBy(source: EnvironmentSource, file: string): boolean {
  const path = source.kind === 'helm' ? source.chart : source.kind === 'kustomize' ? source.folder : source.path;
  return path === '.' || file === path || file.startsWith(`${path}/`);
}

/** As it is after the edits so far. */
async function textOf(path: string, { step, tree }: { step: Step; tree: EditedTree }): Promise<string | undefined> {
  return step.changes.has(path) ? step.changes.get(path) : await tree.read(path);
}

/** The last render tells whether it is right. */
async function editManifest(
  { drifted, source }: Found,
  at: { step: Step; environment: Environment; tree: EditedTree },
): Promise<void> {
  const { step, environment } = at;
  const text = await textOf(source, at);
  const documents = text === undefined ? undefined : readDocuments(text);
  const place =
    documents === undefined ? undefined : placeOf({ documents, id: drifted.id, namespace: environment.namespace });
  if (text === undefined || documents === undefined || place === undefined)
    throw acceptRefused({
      subject: drifted.title,
      message: `is not to be found in ${source} as one document of YAML`,
      remedy: 'edit the file yourself; nothing was pushed',
    });
  step.accepted.push(acceptedBy(drifted, 'manifest', source));
  if (drifted.drift === 'gone') {
    step.changes.set(source, withoutObject({ file: source, text }, { documents, place, drifted }));
    return;
  }
  const edits: FieldEdit[] = [];
  let value = place.value;
  for (const field of drifted.fields) {
    const edit = editTo(value, field, 'object');
    if (edit === undefined) throw cannotBeSaid(drifted, source);
    if (edit === 'nothing') continue;
    edits.push({ ...edit, path: [...place.within, ...edit.path] });
    value = edited(value, edit);
  }
  step.changes.set(source, editText({ file: source, text }, { document: place.document, edits }));
}

function withoutObject(
  { file, text }: { file: string; text: string },
  {
    documents,
    place,
    drifted,
  }: { documents: readonly unknown[]; place: NonNullable<ReturnType<typeof placeOf>>; drifted: DriftedObject },
): string | undefined {
  const { document, within } = place;
  if (within.length > 0) return editText({ file, text }, { document, edits: [{ path: within, value: undefined }] });
  const said = documents.filter(isMap);
  const left = withoutDocument(text, { document: said.findIndex((one) => one === place.value), count: said.length });
  if (left === undefined)
    throw acceptRefused({
      subject: drifted.title,
      message: `cannot be told apart from the other documents of ${file}`,
      remedy: 'remove it from the file yourself; nothing was pushed',
    });
  return left.text;
}

async function patchOverlay(
  one: Found,
  at: { step: Step; sources: readonly EnvironmentSource[]; expected: Rendered; tree: EditedTree },
): Promise<void> {
  const { step, sources, expected } = at;
  for (const source of sources) {
    if (source.kind !== 'kustomize') continue;
    for (const attempt of await overlayAttempts(source.folder, one, at)) {
      const made = await tried(async () => changedBy(attempt, at), at);
      if (made === undefined || !isOnTheWay({ before: step.rendered, after: made.rendered, expected })) continue;
      if (!isSame(made.rendered.get(one.key), expected.get(one.key))) continue;
      Object.assign(step, made);
      step.accepted.push(acceptedBy(one.drifted, 'patch', attempt.edits[0]?.file ?? source.folder));
      return;
    }
  }
  throw acceptRefused({
    subject: one.drifted.title,
    message:
      'would not become what was observed by a patch of its overlay: what comes after patches sets it, or the kind has no such patch',
    remedy: 'edit the overlay yourself; nothing was pushed',
  });
}

const kustomizationNames = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

async function overlayAttempts(
  folder: string,
  { drifted, apiVersion }: Found,
  at: { step: Step; tree: EditedTree },
): Promise<readonly OverlayEdits[]> {
  for (const name of kustomizationNames) {
    const file = folder === '.' ? name : `${folder}/${name}`;
    const text = await textOf(file, at);
    if (text === undefined) continue;
    const [kustomization, ...others] = readDocuments(text) ?? [];
    if (!isMap(kustomization) || others.length > 0) return [];
    const texts = new Map<string, string | undefined>();
    for (const patch of patchFiles({ file, kustomization })) texts.set(patch, await textOf(patch, at));
    const overlay = { file, kustomization, textOf: (path: string) => texts.get(path) };
    return overlayEdits(overlay, { drifted, apiVersion });
  }
  return [];
}

async function changedBy(
  { edits, added }: OverlayEdits,
  at: { step: Step; tree: EditedTree },
): Promise<Map<string, string | undefined>> {
  const changes = new Map(at.step.changes);
  for (const { file, text } of added) changes.set(file, text);
  for (const { file, document, edits: of } of edits)
    changes.set(file, editText({ file, text: (await textOf(file, at)) ?? '' }, { document, edits: of }));
  return changes;
}

/** Undefined where the files cannot be edited so, or do not render then: it was worth a try. */
async function tried(
  make: () => Promise<Map<string, string | undefined>>,
  { tree }: { tree: EditedTree },
): Promise<Pick<Step, 'changes' | 'rendered'> | undefined> {
  try {
    const changes = await make();
    return { changes, rendered: (await tree.render(changes)).objects };
  } catch (error) {
    if (error instanceof ConvergeError && error.disposition === 'refuse') return undefined;
    throw error;
  }
}

/** Field by field: what no value makes so is ignored from now on. */
async function changeValues(
  one: Found,
  at: {
    step: Step;
    sources: readonly EnvironmentSource[];
    expected: Map<string, NonNullable<ReturnType<Rendered['get']>>>;
    environment: Environment;
    tree: EditedTree;
  },
): Promise<void> {
  const { drifted, key } = one;
  if (drifted.drift === 'gone')
    throw acceptRefused({
      subject: drifted.title,
      message: `is made by the chart of ${one.source}, which makes it again`,
      remedy: 'set the value of the chart by which it is left out, where it has one; nothing was pushed',
    });
  const ignored: DriftedObject['fields'][number][] = [];
  for (const field of drifted.fields) if (!(await changeValue(field, one, at))) ignored.push(field);
  if (ignored.length === 0) return;
  // What no value can say stays as it is rendered.
  const rendered = at.step.rendered.get(key);
  const said = drifted.fields.filter((field) => !ignored.includes(field));
  const left = rendered === undefined ? undefined : withObserved(rendered, said);
  if (left === undefined) throw cannotBeSaid(drifted);
  at.expected.set(key, left);
  await ignoreFields(drifted, ignored, at);
}

async function changeValue(
  field: DriftedObject['fields'][number],
  one: Found,
  at: { step: Step; sources: readonly EnvironmentSource[]; expected: Rendered; tree: EditedTree },
): Promise<boolean> {
  const { step, expected, sources, tree } = at;
  if (isSaid(step.rendered, one.key, field)) return true;
  for (const source of sources) {
    if (source.kind !== 'helm') continue;
    const defaults = firstDocument(await textOf(`${source.chart}/values.yaml`, at));
    const files: ValuesFile[] = [];
    for (const path of source.values)
      files.push({ path, values: firstDocument(await textOf(path, at)), isShared: tree.isShared(path) });
    for (const { file, edit } of valuesEdits({ defaults, files }, field)) {
      const made = await tried(
        async () => changedBy({ edits: [{ file, document: 0, edits: [edit] }], added: [] }, at),
        at,
      );
      if (made === undefined || !isOnTheWay({ before: step.rendered, after: made.rendered, expected })) continue;
      if (!isSaid(made.rendered, one.key, field)) continue;
      const fields = one.drifted.fields
        .filter((other) => !isSaid(step.rendered, one.key, other) && isSaid(made.rendered, one.key, other))
        .map(({ pointer }) => pointer);
      Object.assign(step, made);
      step.accepted.push({ object: one.drifted.title, how: 'values', file, fields });
      return true;
    }
  }
  return false;
}

function isSaid(rendered: Rendered, key: string, field: ObservedField): boolean {
  const object = rendered.get(key);
  return object !== undefined && isSame(withObserved(object, [field]), object);
}

function firstDocument(text: string | undefined): unknown {
  return text === undefined ? undefined : readDocuments(text)?.[0];
}

async function ignoreFields(
  drifted: DriftedObject,
  ignored: readonly DriftedObject['fields'][number][],
  at: { step: Step; environment: Environment; tree: EditedTree },
): Promise<void> {
  const paths = ignored.map(({ pointer }) => pointer);
  for (const path of paths) {
    const problem = problemOfIgnoredPath(path);
    if (problem === undefined) continue;
    throw acceptRefused({
      subject: drifted.title,
      message: `no value of the chart makes ${path} so, and a rule that ignores it ${problem}`,
      remedy: 'change the chart; nothing was pushed',
    });
  }
  const file = environmentPath(at.environment.name);
  const text = await textOf(file, at);
  if (text === undefined) throw cannotBeSaid(drifted, file);
  const edits = ignoreEdits(firstDocument(text), { id: drifted.id, paths });
  at.step.changes.set(file, editText({ file, text }, { document: 0, edits }));
  at.step.accepted.push({ object: drifted.title, how: 'ignored', file, fields: paths });
}

function acceptedBy(drifted: DriftedObject, how: 'manifest' | 'patch', file: string): AcceptedObject {
  return { object: drifted.title, how, file, fields: drifted.fields.map(({ pointer }) => pointer) };
}
