import { parseArgs } from 'node:util';

/* Plays curl for the jobs of CIs, with the options that they give it: what is asked of Google is asked of its stand-in. */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    silent: { type: 'boolean' },
    'show-error': { type: 'boolean' },
    'fail-with-body': { type: 'boolean' },
    header: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});
const [url = ''] = positionals;
const [, name = '', value = ''] = /^([^:]+): (.*)$/.exec(values.header) ?? [];
const asked = url.replace('https://iamcredentials.googleapis.com', process.env['TEST_GOOGLE'] ?? '');
const answer = await fetch(asked, {
  method: 'POST',
  headers: { [name]: value, 'content-type': 'application/json' },
  body: JSON.stringify(JSON.parse(values.json ?? '')),
});
process.stdout.write(await answer.text());
if (!answer.ok && values['fail-with-body'] === true) {
  process.stderr.write(`curl: (22) The requested URL returned error: ${answer.status}\n`);
  process.exitCode = 22;
}
