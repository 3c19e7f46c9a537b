/**
 * The functions, in the order of the flow: an upload becomes a commit, a commit becomes jobs, a job brings one
 * environment to what Git declares, and alerts tell how it went. Beside the flow: the schedule that looks for drift,
 * the status page's data, the reports, what people ask of the clusters, and what pull requests would do.
 */
import './copy-artifact.ts';
import './receive-push.ts';
import './fan-out.ts';
import './reconcile.ts';
import './check-drift.ts';
import './deliver-alert.ts';
import './status.ts';
import './report.ts';
import './inspect.ts';
import './act.ts';
import './plan-change.ts';
