/**
 * Trouble: the server could not be asked, or a run ended without a word.
 */
import type { JSX } from 'react';
import type { ITrouble } from '../asking';
import type { IRunView } from '../journal';
import { troubleWords } from '../words';
import { useTrans } from './context';

/** The process of a run ended without a word: killed, or the machine went down. */
export function Lost({ run }: { readonly run: IRunView }): JSX.Element {
  const trans = useTrans();
  return (
    <div className="jp-nb2prod-Finding" data-severity="error" role="alert">
      <p>{trans.__('Its process ended without a word.')}</p>
      <p className="jp-nb2prod-Finding-cure">
        {trans.__('Start it again: what it finished is kept. Its log is .nb2prod/runs/%1/log.txt.', run.run)}
      </p>
    </div>
  );
}

export function Trouble({ trouble }: { readonly trouble: ITrouble }): JSX.Element {
  const trans = useTrans();
  const [what, cure] = troubleWords(trans, trouble);
  return (
    <div className="jp-nb2prod-Finding" data-severity="error" data-code={trouble.fault.code} role="alert">
      <p>{what}</p>
      <p className="jp-nb2prod-Finding-cure">{cure}</p>
    </div>
  );
}
