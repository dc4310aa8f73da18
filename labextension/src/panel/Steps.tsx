/**
 * Steps: how far a Ship has come; folded once all went well.
 */
import type { JSX } from 'react';
import { SHIP_STEPS } from '../journal';
import type { IRunView } from '../journal';
import { duration, stateWord, stepWord } from '../words';
import { Sign } from './Sign';
import { useTrans } from './context';

export function Steps({ run }: { readonly run: IRunView }): JSX.Element {
  const trans = useTrans();
  const list = (
    <ol className="jp-nb2prod-Steps">
      {SHIP_STEPS.map(name => {
        const step = run.steps[name] ?? {
          state: run.state === 'running' ? 'pending' : 'skipped',
          seconds: null,
          why: ''
        };
        return (
          <li key={name} data-step={name} data-state={step.state} title={step.why || undefined}>
            <Sign state={step.state} />
            <span>{stepWord(trans, name)}</span>
            <span className="jp-nb2prod-Steps-state">
              {step.state === 'done' && step.seconds !== null
                ? duration(trans, step.seconds)
                : stateWord(trans, step.state)}
            </span>
          </li>
        );
      })}
    </ol>
  );
  if (run.state !== 'done') {
    return list;
  }
  return (
    <details className="jp-nb2prod-Fold">
      <summary>{trans.__('Steps')}</summary>
      {list}
    </details>
  );
}
