/**
 * Suggestion: stages that an untagged notebook seems to have, accepted one by one or all at once.
 */
import type { JSX } from 'react';
import type { PipelineModel } from '../model';
import type { IPlace } from '../finding';
import type { IProposal } from '../tokens';
import { Prose } from './Prose';
import { useTrans } from './context';

export interface ISuggestionProps {
  readonly model: PipelineModel;
  readonly reveal: (place: IPlace) => void;
}

export function Suggestion({ model, reveal }: ISuggestionProps): JSX.Element | null {
  const trans = useTrans();
  const { suggestion, proposals: open } = model;
  if (!suggestion) {
    return null;
  }
  return (
    <section className="jp-nb2prod-Suggestion" aria-label={trans.__('Suggested stages')}>
      {open.length === 0 && <p className="jp-nb2prod-Hint">{trans.__('There is nothing more to suggest.')}</p>}
      <ol>
        {open.map(proposal => (
          <Proposal
            key={`${proposal.cells[0]} ${proposal.name}`}
            proposal={proposal}
            onReveal={() =>
              reveal({ stage: proposal.name, cell: proposal.cells[0], cell_id: proposal.cell_ids[0] ?? null })
            }
            onAccept={() => void model.accept(proposal)}
          />
        ))}
      </ol>
      <div className="jp-nb2prod-Verbs">
        {open.length > 0 && (
          <button className="jp-nb2prod-Button jp-mod-ship" onClick={() => void model.accept()}>
            {trans.__('Accept all')}
          </button>
        )}
        <button className="jp-nb2prod-Button" onClick={() => model.dismiss()}>
          {trans.__('Close')}
        </button>
      </div>
    </section>
  );
}

interface IProposalProps {
  readonly proposal: IProposal;
  readonly onReveal: () => void;
  readonly onAccept: () => void;
}

function Proposal({ proposal, onReveal, onAccept }: IProposalProps): JSX.Element {
  const trans = useTrans();
  const { name, cells, why, confidence } = proposal;
  const [first, last] = [cells[0] + 1, cells[cells.length - 1] + 1];
  const place = first === last ? trans.__('Cell %1', first) : trans.__('Cells %1 to %2', first, last);
  return (
    <li data-stage={name}>
      <span className="jp-nb2prod-Suggestion-name">{name}</span>
      <button className="jp-nb2prod-Link" onClick={onReveal}>
        {place}
      </button>
      <span className="jp-nb2prod-Suggestion-sure">{trans.__('%1 % sure', Math.round(confidence * 100))}</span>
      <button className="jp-nb2prod-Button" aria-label={trans.__('Accept %1', name)} onClick={onAccept}>
        {trans.__('Accept')}
      </button>
      <span className="jp-nb2prod-Suggestion-why">
        <Prose text={why} />
      </span>
    </li>
  );
}
