/** Jobs over HTTP beside their tools: their events as a stream, and how workers elsewhere take them. */
import * as z from 'zod';
import { Refusal } from '../../../base/refusal.ts';
import { readSaying, type Saying } from '../../../jobs/saying.ts';
import { getJob } from '../../../tools/get-job.ts';
import { asJobShown, isOver, type JobShown } from '../../../tools/job.ts';
import { drained } from '../drained.ts';
import { HEADERS } from '../reply.ts';
import { route } from '../route.ts';

const NUMBER = /^\d{1,9}$/;
/** Seconds between two signs of life of a stream. */
const PING = 15;

export const followJob = route({
  method: 'GET',
  path: '/api/v1/jobs/:id/events',
  summary: 'Follow a job: server-sent events, the last of which is its end; Last-Event-ID resumes',
  access: 'bearer',
  media: ['text/event-stream'],
  query: z.strictObject({ after: z.int().min(0).optional().describe('Only later events. Omit for all') }),
  async answer({ params, query, headers, caller }, { service, metrics, report }) {
    const look = async (after_event: number, wait_seconds: number, signal?: AbortSignal): Promise<JobShown> =>
      asJobShown(await service.call(getJob, { job_id: params.id, after_event, wait_seconds }, caller, { signal }));
    let last = numberIn(headers['last-event-id'] ?? query.get('after') ?? '0');
    // A job that is none of the caller's is refused with a status, not with an empty stream.
    await look(last, 0);
    return {
      stream(response) {
        const gone = new AbortController();
        response.once('close', metrics.open('streams')).once('close', () => gone.abort());
        response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
        const follow = async (): Promise<void> => {
          while (!gone.signal.aborted) {
            const job = await look(last, PING, gone.signal);
            response.write(job.events.length === 0 ? ': here\n\n' : '');
            for (const event of job.events) {
              last = event.event_number;
              response.write(`id: ${last}\ndata: ${JSON.stringify(event)}\n\n`);
            }
            if (isOver(job) && last >= job.last_event) break;
            await drained(response);
          }
        };
        void follow()
          .catch((error: unknown) => error instanceof Refusal || report(error))
          .finally(() => response.end());
      },
    };
  },
});

function numberIn(text: string | readonly string[]): number {
  if (typeof text === 'string' && NUMBER.test(text)) return Number(text);
  throw new Refusal('INVALID_REQUEST', 'Last-Event-ID (or after) must be the number of an event.');
}

const taken = z.strictObject({
  job_id: z.string(),
  agent: z.string(),
  input: z.unknown(),
  artifact_hash: z.string(),
  enrollment_token: z.string().describe('Redeem it to act under the artifact of the job'),
  expires_at: z.string().describe('UTC'),
  traceparent: z.string().nullable(),
});

export const takeJob = route({
  method: 'POST',
  path: '/api/v1/jobs/take',
  summary: 'Take the oldest job that waits for a worker of your name',
  access: 'bearer',
  body: z.strictObject({ wait_seconds: z.number().min(0).max(60).optional() }),
  output: z.strictObject({ job: taken.nullable().describe('Null where none came in time') }),
  async answer({ body: { wait_seconds = 0 }, caller, signal }, { jobs }) {
    return { json: { job: jobs ? await jobs.take(caller, wait_seconds, signal) : null } };
  },
});

const MOST_SAYINGS = 100;

export const sayInJob = route({
  method: 'POST',
  path: '/api/v1/jobs/:id/say',
  summary:
    'Say something in a job that you took: progress, log, result or error, as an agent process does on stdout; or nothing, to say that you are alive',
  access: 'bearer',
  body: z.strictObject({ say: z.array(z.record(z.string(), z.unknown())).max(MOST_SAYINGS) }),
  output: z.strictObject({
    state: z.string().describe('How the job stands: stop where it is not running any more'),
    code: z.string().nullable(),
  }),
  async answer({ params, body, caller }, { jobs }) {
    if (!jobs) throw new Refusal('JOB_NOT_FOUND', 'No such job is known to this session.');
    const sayings = body.say.map((each) => readSaying(Buffer.from(JSON.stringify(each))));
    const heard = sayings.filter((saying): saying is Saying => saying !== undefined);
    return { json: await jobs.say(caller, params.id ?? '', heard) };
  },
});
