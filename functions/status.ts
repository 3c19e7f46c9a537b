import { http } from '@google-cloud/functions-framework';
import packageFile from '../package.json' with { type: 'json' };
import { commitStatus, parseAgain } from '../shared/pipeline/commit-status.ts';
import { statusNow } from '../shared/pipeline/status.ts';
import { waitWords } from '../shared/pipeline/common/wait-words.ts';
import { answering } from './delivery.ts';
import { loadConfig, wire } from './wiring.ts';

/**
 * `GET /`: every environment. `GET /?repository=CLASS&commit=ID`: what became of that commit; with `artifact=gs://…`, of
 * uploads whose content it had. `GET /version`: of the functions. `GET /healthz`: whether this one can serve at all.
 */
http(
  'status',
  answering('status', async (request) => {
    const config = loadConfig();
    if (request.path.endsWith('/healthz'))
      return { status: 200, body: { status: 'ok', repositories: Object.keys(config.repositories).sort() } };
    if (request.path.endsWith('/version')) return { status: 200, body: { version: packageFile.version } };
    const { repository, commit } = request.query;
    if (typeof repository === 'string' && typeof commit === 'string') {
      const ports = await wire('repository', 'state');
      const asked = { repository, commit, again: parseAgain(request.query['artifact']) };
      return { status: 200, body: await commitStatus({ ...asked, waits: waitWords(asked, ports) }, ports) };
    }
    const found = await statusNow(config, await wire('repository', 'state'));
    return { status: found.unreadable.length === 0 ? 200 : 503, body: found };
  }),
);
