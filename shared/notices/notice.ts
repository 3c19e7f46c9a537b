import type { Converged, Diff } from '../events/alert.ts';
import { eventId } from '../events/cloud-event.ts';
import type { DependencyAlert } from '../events/dependency-alert.ts';
import type { ReceivedAlert } from '../events/received-alert.ts';
import type { Report } from '../events/report.ts';
import type { UploadAlert } from '../events/upload-alert.ts';
import type { Selectable, Severity } from '../routing/selector.ts';
import { environmentKey } from '../base/revision.ts';
import { convergedLines, dependencyLines, diffLines, uploadLines } from './alert-lines.ts';
import type { NoticeLink } from './links.ts';
import { boundedText, largestLine, largestTitle, mostLines } from './bounded-text.ts';
import { noticeOfReport } from './report-notice.ts';

/** `changed`: of one that was told, something else is to be said. `acknowledged`: somebody has taken it upon themselves. */
export type NoticeState = 'opened' | 'changed' | 'acknowledged' | 'closed';

/** Which incident, and which of its occurrences. */
export interface NoticeIncident {
  /** The same for as long as the incident is one, whatever is told of it: letters, digits and dashes, at most 64. */
  readonly key: string;
  readonly occurrence: number;
  /** When this occurrence began; null where it is not known. */
  readonly since: string | null;
}

/**
 * What is told to people, of an alert of any kind: bounded, of plain text, and not escaped for where it goes, which each
 * sink does for itself.
 */
export interface Notice {
  /** Null where it is of no incident: a revision converged that nothing was told of. */
  readonly incident: NoticeIncident | null;
  readonly state: NoticeState;
  readonly severity: Severity;
  /** What it is of: `master/acme-production`. */
  readonly about: string;
  readonly title: string;
  readonly lines: readonly string[];
  /** Where to look; absent: nowhere. */
  readonly links?: readonly NoticeLink[];
}

const severities: Readonly<Record<Diff['reason'], Severity>> = {
  Failed: 'error',
  Unhealthy: 'critical',
  Guarded: 'error',
  Blocked: 'warning',
  Drifted: 'warning',
  Suspended: 'warning',
};

/** @param isTold whether this occurrence of its incident was told before */
export function noticeOf(alert: ReceivedAlert, { isTold }: { isTold: boolean }): Notice {
  switch (alert.kind) {
    case undefined:
      return alert.topic === 'diff' ? noticeOfDiff(alert.data, isTold) : noticeOfConverged(alert.data);
    case 'dependency':
      return noticeOfDependency(alert, isTold);
    case 'upload':
      return noticeOfUpload(alert, isTold);
    case 'report':
      return noticeOfReport(alert.data);
  }
}

/** What an alert is chosen by, for one sink or another. */
export function selectableOf(alert: ReceivedAlert): Selectable {
  const { severity } = noticeOf(alert, { isTold: false });
  const none = {
    repositoryClass: undefined,
    environment: undefined,
    cluster: undefined,
    labels: {},
    reason: undefined,
  };
  switch (alert.kind) {
    case undefined: {
      const { repository, environment, cluster, labels = {} } = alert.data;
      const reason = alert.topic === 'diff' ? alert.data.reason : undefined;
      const at = cluster === '' ? undefined : cluster;
      return { kind: 'environment', repositoryClass: repository, environment, cluster: at, labels, reason, severity };
    }
    case 'dependency': {
      const { kind, name } = alert.data;
      const reason = alert.topic === 'diff' ? alert.data.code : undefined;
      const of = {
        cluster: kind === 'cluster' ? name : undefined,
        repositoryClass: kind === 'repository' ? name : undefined,
      };
      return { ...none, ...of, kind: 'dependency', reason, severity };
    }
    case 'upload': {
      const reason = alert.topic === 'diff' ? alert.data.reason : undefined;
      return { ...none, kind: 'upload', repositoryClass: alert.data.repository, reason, severity };
    }
    case 'report':
      return { ...none, ...ofReport(alert.data), kind: 'report', severity };
  }
}

/** A report that was chosen for one class, one environment or a label is for whoever asks for these. */
function ofReport({ chosen }: Report): Pick<Selectable, 'repositoryClass' | 'environment' | 'labels'> {
  return { repositoryClass: only(chosen.classes), environment: only(chosen.environments), labels: chosen.labels };
}

function only([first, ...others]: readonly string[]): string | undefined {
  return others.length > 0 || first?.includes('*') === true ? undefined : first;
}

function noticeOfDependency(alert: DependencyAlert, isTold: boolean): Notice {
  const { subject: about, incident, since } = alert.data;
  const said = alert.topic === 'diff' ? 'does not answer' : endOf(alert.data.outcome);
  return {
    incident: { key: incidentKey(incident), occurrence: 1, since },
    ...phaseOf(alert.topic, { isTold, severity: 'critical' }),
    ...textOf({ about, said, lines: dependencyLines(alert) }),
  };
}

function endOf(outcome: 'answered' | 'unused'): string {
  return outcome === 'answered' ? 'answers again' : 'is used by nothing any more';
}

function noticeOfUpload(alert: UploadAlert, isTold: boolean): Notice {
  const { artifact: about, incident, since } = alert.data;
  return {
    incident: incident === null ? null : { key: incidentKey(incident), occurrence: 1, since },
    ...phaseOf(alert.topic, { isTold, severity: 'warning' }),
    ...notTwice(textOf({ about, said: saidOfUpload(alert), lines: uploadLines(alert) })),
  };
}

/** Without a first line that is all in the title. */
function notTwice<T extends Pick<Notice, 'title' | 'lines'>>(text: T): T {
  const [first, ...others] = text.lines;
  return first !== undefined && text.title.endsWith(first) ? { ...text, lines: others } : text;
}

function saidOfUpload({ topic, data }: UploadAlert): string {
  if (topic === 'diff') return `is refused: ${data.reason}: ${data.message}`;
  if (data.incident === null) return 'is in Git, and nothing comes of it';
  return data.outcome === 'committed' ? 'is in Git' : 'is gone';
}

function phaseOf(
  topic: 'diff' | 'converged',
  { isTold, severity }: { isTold: boolean; severity: Severity },
): Pick<Notice, 'state' | 'severity'> {
  return topic === 'diff' ? { state: isTold ? 'changed' : 'opened', severity } : { state: 'closed', severity: 'info' };
}

function noticeOfDiff(diff: Diff, isTold: boolean): Notice {
  const about = environmentKey(diff);
  return {
    incident: { key: incidentKey(diff.incident), occurrence: diff.occurrence, since: diff.since },
    state: isTold ? 'changed' : 'opened',
    severity: severities[diff.reason],
    ...textOf({ about, said: `${diff.reason}: ${diff.summary}`, lines: diffLines(diff) }),
  };
}

function noticeOfConverged(converged: Converged): Notice {
  const { incident: id, occurrence, since } = converged;
  const about = environmentKey(converged);
  return {
    incident: id === null ? null : { key: incidentKey(id), occurrence: occurrence ?? 1, since },
    state: 'closed',
    severity: 'info',
    ...textOf({ about, said: 'converged', lines: convergedLines(converged) }),
  };
}

function textOf({
  about,
  said,
  lines,
}: {
  about: string;
  said: string;
  lines: readonly string[];
}): Pick<Notice, 'about' | 'title' | 'lines'> {
  return {
    about: boundedText(about, largestTitle),
    title: boundedText(`${about} ${said}`, largestTitle),
    lines: lines.slice(0, mostLines).map((line) => boundedText(line, largestLine)),
  };
}

/** The incident's id, where it is fit for a path and for the keys of pagers and chats. */
export function incidentKey(id: string): string {
  return /^[A-Za-z0-9-]{1,64}$/.test(id) ? id : eventId('incident', id);
}
