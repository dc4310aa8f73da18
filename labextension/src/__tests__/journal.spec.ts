import { after, begun, ended, shown, standing } from '../journal';
import type { IRunView } from '../journal';
import type { IResult, RunEvent } from '../tokens';

const RUN = '20261122-001500-ab12cd';
const result: IResult = { run: RUN, verb: 'ship', ok: true, error: null, release: `churn-${RUN}` };

/** An event with the next number. */
function* numbered(): Generator<{ seq: number; at: number }, never> {
  for (let seq = 1; ; seq += 1) {
    yield { seq, at: 100 + seq };
  }
}

function journal(): RunEvent[] {
  const number = numbered();
  const next = () => number.next().value;
  return [
    { ...next(), event: 'start', run: RUN, verb: 'ship', stages: ['load', 'train'] },
    { ...next(), event: 'step', step: 'run', state: 'running', seconds: null, detail: '' },
    { ...next(), event: 'stage', stage: 'load', state: 'reused', seconds: null, why: 'code unchanged' },
    { ...next(), event: 'stage', stage: 'train', state: 'running', seconds: null, why: 'code changed' },
    { ...next(), event: 'cell', cell: 4, cell_id: 'c4', stage: 'train', state: 'running' },
    { ...next(), event: 'stage', stage: 'train', state: 'done', seconds: 2.5, why: 'code changed' },
    { ...next(), event: 'step', step: 'run', state: 'done', seconds: 2.6, detail: '' },
    { ...next(), event: 'end', ok: true, result }
  ];
}

const seen = (count: number): IRunView => journal().slice(0, count).reduce(after, begun(RUN, 'ship'));

describe('a run seen through its journal', () => {
  it('knows its stages from the start', () => {
    expect(seen(1).stages).toEqual({
      load: { state: 'pending', seconds: null, why: '' },
      train: { state: 'pending', seconds: null, why: '' }
    });
  });

  it('knows which stage and cell run now', () => {
    const view = seen(5);

    expect(view.stages['load'].state).toBe('reused');
    expect(view.stages['train'].state).toBe('running');
    expect(view.cell).toBe('c4');
    expect(view.state).toBe('running');
  });

  it('ends with its result', () => {
    const view = seen(8);

    expect(view.state).toBe('done');
    expect(view.result).toEqual(result);
    expect(view.seconds).toBe(7);
    expect(view.cell).toBeNull();
    expect(view.stages['train']).toEqual({ state: 'done', seconds: 2.5, why: 'code changed' });
  });

  it('is the same when events come twice', () => {
    const twice = journal().flatMap(event => [event, event]);

    expect([...twice, ...journal()].reduce(after, begun(RUN, 'ship'))).toEqual(seen(8));
  });

  it('keeps what it found and what failed', () => {
    const place = { cell: 3, cell_id: 'c3', stage: 'load' };
    const view = [
      {
        seq: 1,
        at: 0,
        event: 'finding',
        code: 'NB103',
        severity: 'warning',
        message: 'm',
        cure: 'c',
        line: 2,
        ...place
      },
      { seq: 2, at: 0, event: 'error', code: 'NB201', message: 'm', cure: 'c', detail: null, ...place }
    ].reduce((now, event) => after(now, event as RunEvent), begun(RUN, 'run'));

    expect(view.findings[0]).toMatchObject({ code: 'NB103', cell_id: 'c3' });
    expect(view.faults[0]).toMatchObject({ code: 'NB201', cell_id: 'c3' });
  });

  it('passes over kinds of events it does not know', () => {
    const event = { seq: 1, at: 0, event: 'weather' } as unknown as RunEvent;

    expect(after(begun(RUN, 'run'), event)).toEqual({ ...begun(RUN, 'run'), seq: 1, began: 0 });
  });

  it('leaves nothing spinning when its process is gone', () => {
    const view = ended(seen(5), 'lost');

    expect(view.state).toBe('lost');
    expect(view.stages['train'].state).toBe('skipped');
    expect(view.steps['run'].state).toBe('failed');
  });
});

describe('the faults of an earlier run', () => {
  const place = { cell: 3, cell_id: 'c3', stage: 'load', line: null };
  const read = { code: 'NB103', message: 'm', cure: 'c', detail: null, ...place };
  const ran = { ...read, code: 'NB201' };

  it('go when the text they speak of is mended', () => {
    expect(standing([read, ran], [])).toEqual([ran]);
    expect(standing([read, ran], [{ ...read, severity: 'error' }])).toEqual([read, ran]);
  });

  it('stay when they are not about a cell', () => {
    const whole = { ...read, cell_id: null };

    expect(standing([whole], [])).toEqual([whole]);
  });
});

describe('a stage as it is shown', () => {
  const step = (action: 'run' | 'reuse', seconds: number | null = null) => [
    { stage: 'train', action, why: 'because', seconds, bytes: null, artifacts: [] }
  ];

  it('is what the run says while it runs', () => {
    expect(shown('train', seen(5), step('reuse')).state).toBe('running');
  });

  it('is to run before any run, or kept', () => {
    expect(shown('train', null, []).state).toBe('pending');
    expect(shown('train', null, step('run'))).toEqual({ state: 'pending', seconds: null, why: 'because' });
    expect(shown('train', null, step('reuse')).state).toBe('kept');
  });

  it('keeps what became of it until the notebook changes', () => {
    expect(shown('train', seen(8), step('reuse'))).toEqual({ state: 'done', seconds: 2.5, why: 'code changed' });
    expect(shown('train', seen(8), step('run', 2.5))).toEqual({ state: 'stale', seconds: null, why: 'because' });
  });

  it('says until the next run what did not run since another failed', () => {
    const failed = { ...seen(8), state: 'failed' as const };
    const train = { state: 'skipped' as const, seconds: null, why: "stage 'load' above failed" };

    expect(shown('train', { ...failed, stages: { train } }, step('run'))).toEqual(train);
    expect(shown('train', { ...seen(8), stages: { train } }, step('run')).state).toBe('pending');
  });
});
