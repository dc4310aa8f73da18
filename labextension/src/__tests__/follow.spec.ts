import { follow } from '../follow';
import { ServiceFault } from '../service';
import type { IJournalPage, IPipelineService, RunEvent, RunState } from '../tokens';

const RUN = '20261122-001500-ab12cd';

const cellEvent = (seq: number): RunEvent => ({
  seq,
  at: 0,
  event: 'cell',
  cell: 0,
  cell_id: 'a',
  stage: 's',
  state: 'done'
});

/** A journal of `length` events, and a line to it that is cut after `cut` events each time. */
class Line implements Partial<IPipelineService> {
  readonly asked: number[] = [];

  constructor(
    private readonly _length: number,
    private readonly _cut: number,
    private readonly _end: RunState = 'done'
  ) {}

  stream: IPipelineService['stream'] = async (_path, _run, after, listen) => {
    this.asked.push(after);
    for (let seq = after + 1; seq <= Math.min(this._length, after + this._cut); seq += 1) {
      listen(cellEvent(seq));
    }
    this._reached = Math.min(this._length, after + this._cut);
  };

  page: IPipelineService['page'] = async (): Promise<IJournalPage> => ({
    state: this._reached === this._length ? this._end : 'running',
    events: []
  });

  private _reached = 0;
}

async function followed(line: Partial<IPipelineService>): Promise<readonly [RunState, readonly number[]]> {
  const seen: number[] = [];
  const { signal } = new AbortController();
  const listen = ({ seq }: RunEvent) => seen.push(seq);
  const state = await follow(line as IPipelineService, { path: 'a.ipynb', run: RUN, listen, signal });
  return [state, seen];
}

describe('following a run', () => {
  it('tells every event once, in order, over a line that is cut', async () => {
    const line = new Line(5, 2);

    expect(await followed(line)).toEqual(['done', [1, 2, 3, 4, 5]]);
    expect(line.asked).toEqual([0, 2, 4]);
  });

  it('reads the journal where no socket opens', async () => {
    const events = [1, 2, 3].map(cellEvent);
    const line: Partial<IPipelineService> = {
      stream: async () => undefined,
      page: async (_path, _run, after) => ({ state: 'done', events: events.filter(({ seq }) => seq > after) })
    };

    expect(await followed(line)).toEqual(['done', [1, 2, 3]]);
  });

  it('waits for a server that is away', async () => {
    let calls = 0;
    const line: Partial<IPipelineService> = {
      stream: async () => undefined,
      page: async () => {
        calls += 1;
        if (calls === 1) {
          throw new ServiceFault(
            { code: null, message: '', cure: '', detail: null, cell: null, cell_id: null, stage: null },
            0
          );
        }
        return { state: 'cancelled', events: [] };
      }
    };

    expect(await followed(line)).toEqual(['cancelled', []]);
  });

  it('stops when it is no longer wanted', async () => {
    const stop = new AbortController();
    const line = new Line(5, 2);
    const following = follow(line as Partial<IPipelineService> as IPipelineService, {
      path: 'a.ipynb',
      run: RUN,
      listen: ({ seq }) => seq === 2 && stop.abort(),
      signal: stop.signal
    });

    expect(await following).toBe('running');
    expect(line.asked).toEqual([0]);
  });
});
