/**
 * Follow: every event of one run in order, over whatever connection there is.
 *
 * The journal on the server is the truth. A socket brings it quickly; when the socket is cut, refused or closed, the journal
 * is read over REST and, if the run goes on, a new socket starts after the last event seen. Where sockets never
 * open, this is a poll.
 */
import { ServiceFault } from './service';
import type { IJournalPage, IPipelineService, RunEvent, RunState } from './tokens';

const SHORTEST = 500;
const LONGEST = 4000;

export interface IFollowing {
  readonly path: string;
  readonly run: string;
  /** Called once for each event. */
  readonly listen: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

/** Resolve with the state the run ended in, or with 'running' when aborted. */
export async function follow(service: IPipelineService, { path, run, listen, signal }: IFollowing): Promise<RunState> {
  let seq = 0;
  let wait = SHORTEST;
  const once = (event: RunEvent): void => {
    if (event.seq > seq && !signal.aborted) {
      seq = event.seq;
      wait = SHORTEST;
      listen(event);
    }
  };
  while (!signal.aborted) {
    await service.stream(path, run, seq, once, signal);
    const page = await read(service, path, run, seq);
    page?.events.forEach(once);
    if (page && page.state !== 'running') {
      return page.state;
    }
    await pause(wait, signal);
    wait = Math.min(wait * 2, LONGEST);
  }
  return 'running';
}

/** The journal, or null from a server that is away: it may come back, and the journal is on disk. */
async function read(service: IPipelineService, path: string, run: string, seq: number): Promise<IJournalPage | null> {
  try {
    return await service.page(path, run, seq);
  } catch (error) {
    const refused = error instanceof ServiceFault && error.status >= 400 && error.status < 500;
    return refused ? { state: 'lost', events: [] } : null;
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
