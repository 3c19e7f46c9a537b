import type { ConvergeError } from '../../base/errors.ts';
import { encodeUploadAlert, uploadIncident, uploadOf, type UploadRefused } from '../../events/upload-alert.ts';
import type { StoredObject } from '../../ports/storage.ts';
import { artifactUri, isSameOrNewer, type ArtifactId } from '../../source/artifact.ts';
import { oneLine } from '../../source/commit-message.ts';
import type { Ledger } from '../../source/ledger.ts';
import type { CopyPorts, CopySettings } from './run.ts';

interface Telling {
  /** As it is known: what it says was told is not told again. */
  readonly ledger: Ledger;
  readonly ports: Pick<CopyPorts, 'topics' | 'now'>;
  readonly settings: Pick<CopySettings, 'repositoryClass'>;
}

/** Characters of what is told. */
const longestMessage = 1_000;
const longestSaid = 300;

/**
 * Publishes that an upload is refused, before the ledger says so: who dies in between tells it again, under the same
 * id. Returns what the ledger is to keep of it. Throws what publishing throws.
 */
export async function tellRefused(
  { live, error }: { live: StoredObject; error: ConvergeError },
  { ledger, ports, settings }: Telling,
): Promise<UploadRefused> {
  const known = ledger.told?.get(live.name);
  const artifact = artifactUri(live);
  if (known?.artifact === artifact && known.reason === error.code) return known;
  const data: UploadRefused = {
    ...{ repository: settings.repositoryClass, artifact, incident: uploadIncident(uploadOf(artifact)) },
    ...{ since: known?.since ?? live.createdAt.toISOString(), reason: error.code, message: messageOf(error, artifact) },
    ...{ remedy: error.remedy === undefined ? null : oneLine(error.remedy, longestSaid) },
    ...{ author: saidIn(live, 'converge-author'), build: saidIn(live, 'converge-build') },
  };
  await ports.topics.publish('diff', encodeUploadAlert({ topic: 'diff', data }, ports.now()));
  return data;
}

/**
 * Publishes that an upload ends a refusal of its name that was told, before the ledger says so. Throws what publishing
 * throws.
 */
export async function tellAccepted(
  { live, commit }: { live: ArtifactId; commit: string },
  { ledger, ports }: Telling,
): Promise<void> {
  const known = ledger.told?.get(live.name);
  const refused = ledger.refused.get(live.name);
  if (known === undefined || refused === undefined) return;
  if (!isSameOrNewer({ generation: live.generation, than: refused })) return;
  const data = { ...endOf(known), artifact: artifactUri(live), outcome: 'committed' as const, commit };
  await ports.topics.publish('converged', encodeUploadAlert({ topic: 'converged', data }, ports.now()));
}

/** The same of an upload that is not there any more: nobody can mend it. */
export async function tellGone(known: UploadRefused, { topics, now }: Telling['ports']): Promise<void> {
  const data = { ...endOf(known), artifact: known.artifact, outcome: 'gone' as const, commit: null };
  await topics.publish('converged', encodeUploadAlert({ topic: 'converged', data }, now()));
}

function endOf({ repository, incident, since }: UploadRefused) {
  return { repository, incident, since, unused: [], omitted: 0 };
}

/** With the file that it is about, where that is one of the upload. */
function messageOf({ subject, problem }: ConvergeError, artifact: string): string {
  return oneLine(subject.includes(artifact) ? problem : `${subject}: ${problem}`, longestMessage);
}

function saidIn({ metadata }: StoredObject, key: string): string | null {
  const said = oneLine(metadata[key] ?? '', longestSaid);
  return said === '' ? null : said;
}
